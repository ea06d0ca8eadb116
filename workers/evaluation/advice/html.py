"""The page of an advice as one HTML file: its curves drawn, nothing fetched, made for print too."""

from collections.abc import Sequence
from html import escape
from string import Template

from markdown_it import MarkdownIt

from workers.evaluation.advice.document import Advice, ProtectedAnswers
from workers.evaluation.advice.page import markdown_page

STYLE = """
body { font: 16px/1.5 Georgia, serif; color: #111; background: #fff }
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } th, td { border-bottom: 1px solid #ccc; padding: .2rem .8rem .2rem 0 }
th { text-align: left } pre { background: #f4f4f4; padding: .5rem; white-space: pre-wrap; overflow-wrap: anywhere }
code { font-size: .85rem } svg { max-width: 100%; height: auto }
@media print { body { margin: 0; max-width: none } h2, table, svg { break-inside: avoid } }
"""
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
<h2>The curve of the radius</h2>
$curve
</body>
</html>
""")
WIDTH, HEIGHT, LEFT, BELOW = 640, 300, 50, 45
COLOURS = ("#1b6ca8", "#d1495b", "#3c8d53", "#8d5a97", "#b07d2b", "#444444")


def html_page(advice: Advice) -> str:
    """Markdown's own marks alone become tags: none of a user's text does."""
    body = MarkdownIt("js-default").render(markdown_page(advice))
    title = escape(f"Advice on {advice.asked.dataset}")
    return PAGE.substitute(title=title, style=STYLE, body=body, curve=curves(advice))


def curves(advice: Advice) -> str:
    """SVG: the share of the pictures that are certified rightly for a radius or more, one line for each sigma."""
    widest = max((found.largest_radius for found in advice.protected), default=0.0) or 1.0
    lines = [curve(found, widest, number) for number, found in enumerate(advice.protected)]
    axes = (
        f'<path d="M{LEFT},10V{HEIGHT - BELOW}H{WIDTH - 10}" fill="none" stroke="#111"/>'
        f"{text(5, 20, '100%')}{text(5, HEIGHT - BELOW, '0%')}{text(LEFT, HEIGHT - BELOW + 18, '0')}"
        f"{text(WIDTH - 45, HEIGHT - BELOW + 18, f'{widest:.2f}')}"
        f"{text(LEFT + 150, HEIGHT - 8, 'certified for this radius or more')}"
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="12">{axes}{"".join(lines)}</svg>'


def curve(found: ProtectedAnswers, widest: float, number: int) -> str:
    """Steps down at each picture's radius, and its name."""
    colour = COLOURS[number % len(COLOURS)]
    points = steps(sorted(found.radii), found.right.of or 1)
    path = " ".join(f"{LEFT + x / widest * (WIDTH - LEFT - 20):.1f},{height(y):.1f}" for x, y in points)
    name = text(WIDTH - 100, 25 + 16 * number, f"sigma {found.sigma:g}", colour)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{name}'


def steps(radii: Sequence[float], pictures: int) -> list[tuple[float, float]]:
    """(radius, share) at both ends of each step, from 0 on."""
    points, left = [(0.0, len(radii) / pictures)], len(radii)
    for radius in radii:
        points.append((radius, left / pictures))
        left -= 1
        points.append((radius, left / pictures))
    return points


def height(share: float) -> float:
    return HEIGHT - BELOW - share * (HEIGHT - BELOW - 15)


def text(x: int, y: int, words: str, colour: str = "#111") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}">{escape(words)}</text>'
