/** What the page says, in its reader's language; numbers and times as that language writes them. */

import { shared } from "./state.js";

export const LANGUAGES = { en: "English", de: "Deutsch" };
export const language = shared("en");

const STORED = "robustify-language";
let words = {};

/** Loads a language and says so to whoever shows words. */
export async function speak(code) {
  const answer = await fetch(new URL(`../strings/${code}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`no strings for ${code}`);
  words = await answer.json();
  document.documentElement.lang = code;
  language.set(code);
}

/** The reader's choice, else the first of the browser's languages that the page has. */
export function preferredLanguage() {
  const wished = [remembered(), ...navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())];
  return wished.find((code) => Object.hasOwn(LANGUAGES, code ?? "")) ?? "en";
}

export async function chooseLanguage(code) {
  await speak(code);
  try {
    localStorage.setItem(STORED, code);
  } catch {
    // Without a store the choice holds until the page is closed.
  }
}

/** A sentence by its name; `{name}` in it becomes a value, once: what a value holds is never looked at again. */
export function t(name, values = {}) {
  const found = words[name] ?? name;
  const text = typeof found === "string" ? found : (found[plural(values.count)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? shown(values[key]) : whole));
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

/** So many significant digits, for what may be small. */
export function significant(value, digits = 2) {
  return new Intl.NumberFormat(locale(), { maximumSignificantDigits: digits }).format(value);
}

export function percent(share, digits = 1) {
  const format = { style: "percent", maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale(), format).format(share);
}

/** A radius is rounded down, as a promise has to be. */
export function radiusText(radius) {
  const format = { minimumFractionDigits: 3, maximumFractionDigits: 3 };
  return new Intl.NumberFormat(locale(), format).format(Math.floor(radius * 1000) / 1000);
}

export function seconds(value) {
  if (value < 90) return t("seconds", { count: Math.max(1, Math.round(value)) });
  if (value < 5400) return t("minutes", { count: Math.round(value / 60) });
  return t("hours", { count: Math.round(value / 3600) });
}

export function moment(text) {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
}

function shown(value) {
  return typeof value === "number" ? number(value, 6) : String(value);
}

function plural(count) {
  return new Intl.PluralRules(language.get()).select(Number(count));
}

/** The reader's own region of the language, where the browser names one. */
function locale() {
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(language.get())) ?? language.get();
}

function remembered() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
