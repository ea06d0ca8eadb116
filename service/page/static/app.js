/** The page: its frame, the view that the address names, and what is told whatever the view. */

import { askForKey, connection, key } from "./core/api.js";
import { html, render, useEffect, useRef } from "./core/html.js";
import { addressOf, useRoute, VIEWS } from "./core/routes.js";
import { loadExamples, loadModels, models } from "./core/service.js";
import { useShared } from "./core/state.js";
import { chooseLanguage, language, LANGUAGES, preferredLanguage, speak, t } from "./core/words.js";
import { Dialogs } from "./parts/dialogs.js";
import { CertificatesView } from "./views/certificates.js";
import { RadiusView } from "./views/radius.js";
import { SeeView } from "./views/see.js";
import { ServiceView } from "./views/service.js";
import { TasksView } from "./views/tasks.js";
import { TryView } from "./views/try.js";

const SHOWN = { try: TryView, see: SeeView, radius: RadiusView, certificates: CertificatesView, tasks: TasksView, service: ServiceView };

start();

async function start() {
  await speak(preferredLanguage());
  render(html`<${Page} />`, document.getElementById("page"));
}

function Page() {
  const { view, id } = useRoute();
  const code = useShared(language);
  const held = useShared(key);
  useShared(models);
  // Another key may see other profiles and examples.
  useEffect(() => void load(), [held]);
  useFilesStay();
  const View = SHOWN[view];
  return html`
    <a class="skip" href=${`#/${view}`} onClick=${toContent}>${t("skip")}</a>
    <${Header} view=${view} code=${code} />
    <${Connection} />
    <main id="content" tabindex="-1">
      <${Heading} view=${view} id=${id} />
      <${View} id=${id} key=${view} />
    </main>
    <footer><p>${t("footer")}</p></footer>
    <${Dialogs} />`;
}

async function load() {
  await Promise.allSettled([loadModels(), loadExamples()]);
}

function Header({ view, code }) {
  // On a phone the views stand in a line that is longer than the screen.
  useEffect(() => document.querySelector("nav [aria-current]").scrollIntoView({ block: "nearest", inline: "center" }), [view]);
  return html`<header>
    <a class="brand" href=${addressOf("try")}><span class="brand-mark" aria-hidden="true"></span>Robustify</a>
    <nav aria-label=${t("views")}>
      <ul>${VIEWS.map((each) => html`<li key=${each}><a href=${addressOf(each)} aria-current=${each === view ? "page" : undefined}>${t(`nav.${each}`)}</a></li>`)}</ul>
    </nav>
    <div class="tools">
      <label class="unseen" for="language">${t("language")}</label>
      <select id="language" value=${code} onChange=${(event) => chooseLanguage(event.target.value)}>
        ${Object.entries(LANGUAGES).map(([each, name]) => html`<option key=${each} value=${each} lang=${each}>${name}</option>`)}
      </select>
      <button type="button" onClick=${askForKey}>${t("key")}</button>
    </div>
  </header>`;
}

/** The view's name: the focus goes there when the view changes, so that who listens knows. */
function Heading({ view, id }) {
  const heading = useRef(null);
  const isFirst = useRef(true);
  const title = t(`title.${view}`);
  useEffect(() => void (document.title = `${title} · Robustify`), [title]);
  useEffect(() => {
    if (!isFirst.current) {
      scrollTo(0, 0);
      heading.current.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [view, id]);
  return html`<h1 ref=${heading} tabindex="-1">${title}</h1>`;
}

/** Whether the service answers. */
function Connection() {
  const state = useShared(connection);
  return html`<div role="status" class="connection">${state !== "here" && html`<p class=${state}>${t(`connection.${state}`)}</p>`}</div>`;
}

/** A file that falls beside its place would otherwise open instead of the page. */
function useFilesStay() {
  useEffect(() => {
    const stay = (event) => event.preventDefault();
    addEventListener("dragover", stay);
    addEventListener("drop", stay);
    return () => (removeEventListener("dragover", stay), removeEventListener("drop", stay));
  }, []);
}

function toContent(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}
