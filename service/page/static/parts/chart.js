/** A line over two axes, on a canvas of our own; the same numbers stand in a table for who cannot see it. */

import { html, useEffect, useRef } from "../core/html.js";
import { t } from "../core/words.js";

const HEIGHT = 240;
const MARGIN = { left: 56, right: 16, top: 12, bottom: 40 };
const TICKS = 4;

/** Points `[x, y]`; x on a scale of powers of ten where `isLog`. `marks` are points of their own, with a text. */
export function Chart({ label, points, xLabel, yLabel, xText, yText, isLog = true, mark = null }) {
  const canvas = useRef(null);
  useEffect(() => {
    const draw = () => canvas.current && drawn(canvas.current, { points, xLabel, yLabel, xText, yText, isLog, mark });
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const observer = new ResizeObserver(draw);
    observer.observe(canvas.current);
    scheme.addEventListener("change", draw);
    return () => (observer.disconnect(), scheme.removeEventListener("change", draw));
  });
  return html`<div class="chart">
    <canvas ref=${canvas} role="img" aria-label=${label}></canvas>
    <details><summary>${t("chart.table")}</summary>
      <table>
        <caption class="unseen">${label}</caption>
        <thead><tr><th scope="col">${xLabel}</th><th scope="col">${yLabel}</th></tr></thead>
        <tbody>${points.map(([x, y]) => html`<tr key=${x}><td>${xText(x)}</td><td>${yText(y)}</td></tr>`)}</tbody>
      </table>
    </details>
  </div>`;
}

function drawn(canvas, chart) {
  const width = canvas.clientWidth;
  const dense = devicePixelRatio || 1;
  canvas.width = width * dense;
  canvas.height = HEIGHT * dense;
  const context = canvas.getContext("2d");
  context.scale(dense, dense);
  const style = getComputedStyle(canvas);
  const axes = axesOf(chart, width);
  drawAxes(context, style, chart, axes, width);
  drawLine(context, style, chart.points, axes);
  if (chart.mark) drawMark(context, style, chart.mark, axes);
}

/** From values to places on the canvas. */
function axesOf({ points, isLog, mark }, width) {
  const all = mark ? [...points, mark] : points;
  const scale = isLog ? Math.log10 : (value) => value;
  const xs = all.map(([x]) => scale(x));
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const top = Math.max(...all.map(([, y]) => y)) * 1.05 || 1;
  const across = width - MARGIN.left - MARGIN.right;
  const down = HEIGHT - MARGIN.top - MARGIN.bottom;
  return {
    x: (value) => MARGIN.left + ((scale(value) - least) / (most - least || 1)) * across,
    y: (value) => MARGIN.top + (1 - value / top) * down,
    ticks: isLog ? powers(least, most) : spread(least, most),
    top,
  };
}

function powers(least, most) {
  const all = [];
  for (let power = Math.ceil(least); power <= most; power += 1) all.push(10 ** power);
  return all.length > 1 ? all : [10 ** least, 10 ** most];
}

function spread(least, most) {
  return Array.from({ length: TICKS + 1 }, (_, index) => least + ((most - least) * index) / TICKS);
}

function drawAxes(context, style, { xLabel, yLabel, xText, yText }, { x, y, ticks, top }, width) {
  context.font = `12px ${style.fontFamily}`;
  context.fillStyle = style.getPropertyValue("--muted");
  context.strokeStyle = style.getPropertyValue("--line");
  context.textAlign = "right";
  for (let index = 0; index <= TICKS; index += 1) {
    const value = (top * index) / TICKS;
    const at = y(value);
    line(context, MARGIN.left, at, width - MARGIN.right, at);
    context.fillText(yText(value), MARGIN.left - 8, at + 4);
  }
  context.textAlign = "center";
  for (const tick of ticks) context.fillText(xText(tick), x(tick), HEIGHT - MARGIN.bottom + 18);
  context.fillText(xLabel, (width + MARGIN.left) / 2, HEIGHT - 4);
  context.textAlign = "left";
  context.fillText(yLabel, MARGIN.left + 6, MARGIN.top + 10);
}

function drawLine(context, style, points, { x, y }) {
  context.strokeStyle = context.fillStyle = style.getPropertyValue("--accent");
  context.lineWidth = 2;
  context.beginPath();
  points.forEach(([across, up], index) => (index ? context.lineTo(x(across), y(up)) : context.moveTo(x(across), y(up))));
  context.stroke();
  for (const [across, up] of points) dot(context, x(across), y(up), 3);
}

function drawMark(context, style, [across, up, text], { x, y }) {
  context.fillStyle = style.getPropertyValue("--ink");
  dot(context, x(across), y(up), 5);
  context.textAlign = x(across) > context.canvas.clientWidth / 2 ? "right" : "left";
  context.fillText(text, x(across) + (context.textAlign === "left" ? 9 : -9), y(up) - 8);
}

function line(context, ...[fromX, fromY, toX, toY]) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

function dot(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
