import { h } from "./dom.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const dayThisYear = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });
const dayOtherYear = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", year: "numeric" });
const local = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const wallClock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const longDay = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

/** How long ago in X's short form: now, 12s, 5m, 3h, Nov 23. */
export function ago(instant, now = Date.now()) {
  const age = now - instant;
  if (age < SECOND) return "now";
  if (age < MINUTE) return `${Math.floor(age / SECOND)}s`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)}m`;
  if (age < DAY) return `${Math.floor(age / HOUR)}h`;
  const date = new Date(instant);
  return (date.getFullYear() === new Date(now).getFullYear() ? dayThisYear : dayOtherYear).format(date);
}

/** What is left until an instant: "3 days left", "45 minutes left", "Final results". */
export function left(instant, now = Date.now()) {
  const rest = instant - now;
  if (rest <= 0) return "Final results";
  for (const [unit, size] of [
    ["day", DAY],
    ["hour", HOUR],
    ["minute", MINUTE],
  ]) {
    const count = Math.floor(rest / size);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"} left`;
  }
  return `${Math.ceil(rest / SECOND)} seconds left`;
}

export const clockTime = (instant) => wallClock.format(instant);
export const clockTimeExact = (instant) =>
  `${wallClock.format(instant)}.${String(new Date(instant).getUTCMilliseconds()).padStart(3, "0")}`;
export const exact = (instant) => `${local.format(instant)}\n${new Date(instant).toISOString()}`;
export const dayAndTime = (instant) => `${clockTimeExact(instant)} · ${longDay.format(instant)}`;

/** A <time> element that `tick` keeps current. */
export function relativeTime(instant) {
  return h(
    "time",
    {
      class: "ago",
      datetime: new Date(instant).toISOString(),
      title: exact(instant),
      "data-instant": instant,
    },
    ago(instant),
  );
}

/** A poll's time left, kept current by `tick`. */
export function timeLeft(instant) {
  return h("span", { class: "left", title: exact(instant), "data-ends": instant }, left(instant));
}

/** Rewrites what changed on the page since the last second. */
export function tick(root, now = Date.now()) {
  for (const node of root.querySelectorAll("[data-instant]"))
    write(node, ago(Number(node.dataset.instant), now));
  for (const node of root.querySelectorAll("[data-ends]")) write(node, left(Number(node.dataset.ends), now));
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
