"use strict";
const STATES = {
  planned: "planned", armed: "ready to go", sending: "being sent", posted: "on X", uncertain: "being looked for",
  refused: "refused", missed: "missed", withdrawn: "withdrawn",
};
const REFRESH_MS = 5000;
const REASONS = { 401: "You are logged out. Reload the page to log in.", 403: "Your role may not do this." };
const at = (id) => document.getElementById(id);

function made(tag, text, name) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

// Words in which `…` is what one types.
function told(tag, text, name) {
  const element = made(tag, "", name);
  element.append(...text.split(/`([^`]+)`/).map((piece, index) => (index % 2 ? made("code", piece) : piece)));
  return element;
}

function say(id, text) {
  at(id).replaceChildren(...told("p", text).childNodes);
}

function moment(instant, timeZone) {
  return new Date(instant).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long", timeZone });
}

function reason(answer, found) {
  return REASONS[answer.status] || String(found.detail || `The server answered ${answer.status}.`);
}

function followTheme() {
  // Inside Airflow its page says which; on its own what was chosen in Airflow, else the system.
  const system = matchMedia("(prefers-color-scheme: dark)");
  let outer = null;
  try {
    if (parent !== window) outer = parent.document.documentElement;
  } catch { /* another origin's page: the system decides */ }
  const chosen = outer ? null : localStorage.getItem("theme");
  const isDark = () => (["light", "dark"].includes(chosen) ? chosen === "dark" : system.matches);
  const apply = () => document.documentElement.classList.toggle(
    "dark", outer ? outer.classList.contains("dark") : isDark(),
  );
  if (outer) new MutationObserver(apply).observe(outer, { attributes: true, attributeFilter: ["class"] });
  system.addEventListener("change", apply);
  apply();
}

followTheme();
