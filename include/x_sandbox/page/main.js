import { h, icon } from "./dom.js";
import { Feed } from "./feed.js";
import { permalink } from "./post.js";
import { plainText } from "./richtext.js";
import { clockTime, clockTimeExact, exact, tick } from "./time.js";
import { Timeline } from "./timeline.js";
import { Tabs } from "./tabs.js";
import { standingVersions } from "./versions.js";

const ARRIVALS = 8;
const STATES = { live: "live", paused: "paused", lost: "no answer" };
const STATUS_PATH = /\/status\/(\d+)\/?$/;

const byId = (id) => document.getElementById(id);
const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

const timeline = new Timeline(byId("timeline"), {
  onShown({ older, missing }) {
    byId("older").hidden = !older && (!feed.hasMore || Boolean(timeline.filter.focus));
    if (missing) feed.readMore();
  },
});
const feed = new Feed({ onPosts: takePosts, onState: showState });
const tabs = new Tabs(byId("tabs"), { onChosen: (account) => timeline.show({ account }) });

function takePosts(everything) {
  const posts = standingVersions(everything);
  const fresh = timeline.take(posts).filter((post) => !post.deleted);
  const standing = posts.filter((post) => !post.deleted);
  const total = feed.hasMore ? `${standing.length}+ posts` : count(standing.length, "post");
  byId("count").textContent = total;
  document.title = `${total} · X sandbox`;
  tabs.take(posts);
  showDeletedSwitch(posts.length - standing.length);
  showArrivals(standing.slice(0, ARRIVALS));
  if (fresh.length > 0) announce(fresh);
}

function showDeletedSwitch(deleted) {
  byId("deleted-switch").hidden = deleted === 0;
  byId("deleted-count").textContent = deleted;
}

function showArrivals(posts) {
  byId("arrivals-empty").hidden = posts.length > 0;
  byId("arrivals").replaceChildren(
    ...posts.map((post) => {
      const instant = Date.parse(post.created_at);
      return h(
        "li",
        {},
        h(
          "a",
          { href: permalink(post), "data-open": post.id },
          h("time", { datetime: post.created_at, title: exact(instant) }, clockTimeExact(instant)),
          h("span", { dir: "auto" }, plainText(post) || "Media"),
        ),
      );
    }),
  );
}

function announce(fresh) {
  const [newest] = fresh;
  byId("announcer").textContent =
    fresh.length === 1
      ? `New post by ${newest.name || newest.username}: ${plainText(newest)}`
      : `${fresh.length} new posts`;
  const pill = byId("new-pill");
  if (scrollY < 300 || timeline.filter.focus) return;
  const waiting = Number(pill.dataset.waiting ?? 0) + fresh.length;
  pill.dataset.waiting = waiting;
  pill.textContent = `↑ ${count(waiting, "new post")}`;
  pill.hidden = false;
}

function hidePill() {
  byId("new-pill").hidden = true;
  delete byId("new-pill").dataset.waiting;
}

function showState(state) {
  byId("live").dataset.state = state;
  byId("live-label").textContent = STATES[state];
  byId("live").title =
    state === "lost"
      ? "The sandbox does not answer. Is x-sandbox still running? Trying again every second."
      : "";
}

const focusOfPath = () => STATUS_PATH.exec(location.pathname)?.[1] ?? null;

function showPath() {
  const focus = focusOfPath();
  timeline.show({ focus });
  byId("heading").textContent = focus ? "Post" : "Timeline";
  byId("back").hidden = !focus;
  tabs.root.classList.toggle("away", Boolean(focus));
  hidePill();
}

let scrollBefore = 0;

function open(path) {
  if (path === location.pathname) return;
  if (!focusOfPath()) scrollBefore = scrollY;
  history.pushState(null, "", path);
  arrive();
}

function arrive() {
  showPath();
  const focused = document.querySelector("article.focused");
  if (focused) {
    focused.scrollIntoView({ block: "center" });
    focused.focus({ preventScroll: true });
  } else scrollTo(0, scrollBefore);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-open], a[data-home]");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    if ("home" in link.dataset) scrollBefore = 0;
    open(new URL(link.href).pathname);
    if ("home" in link.dataset) scrollTo({ top: 0 });
    return;
  }
  const article = event.target.closest("article.post:not(.focused)");
  const busy =
    event.target.closest("a, button, video, summary, details, [popover]") || String(getSelection());
  if (article && !busy) open(permalink(timeline.byId.get(article.dataset.id)));
});

document.addEventListener("keydown", (event) => {
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    document.querySelector("dialog[open], [popover]:popover-open")
  )
    return;
  if (event.target.matches("input, textarea, select")) return;
  const articles = [...document.querySelectorAll("article.post")];
  const current = articles.indexOf(document.activeElement?.closest("article.post"));
  const keys = {
    j: () => articles[Math.min(current + 1, articles.length - 1)]?.focus(),
    k: () => articles[Math.max(current - 1, 0)]?.focus(),
    t: () => window.sandboxTheme.toggle(),
    Escape: () => focusOfPath() && open("/"),
    Enter: () =>
      document.activeElement === articles[current] &&
      open(permalink(timeline.byId.get(articles[current].dataset.id))),
  };
  keys.PageDown = current >= 0 ? keys.j : null;
  keys.PageUp = current >= 0 ? keys.k : null;
  if (!keys[event.key]) return;
  if (event.key.startsWith("Page")) event.preventDefault();
  keys[event.key]();
});

function showThemeButton() {
  const dark = window.sandboxTheme.current() === "dark";
  byId("theme").replaceChildren(icon(dark ? "sun" : "moon"));
  byId("theme").setAttribute("aria-label", `Use the ${dark ? "light" : "dark"} theme`);
}

function everySecond() {
  const now = Date.now();
  byId("clock").textContent = clockTime(now);
  byId("clock").title = exact(now);
  if (!document.hidden) tick(document, now);
  setTimeout(everySecond, 1000 - (Date.now() % 1000));
}

byId("back").append(icon("back"));
byId("back").addEventListener("click", () => open("/"));
byId("theme").addEventListener("click", () => window.sandboxTheme.toggle());
byId("older").addEventListener("click", () => {
  if (!timeline.showOlder()) feed.readMore();
});
byId("show-deleted").addEventListener("change", (event) => timeline.show({ deleted: event.target.checked }));
byId("new-pill").addEventListener("click", () => {
  hidePill();
  scrollTo({ top: 0, behavior: "smooth" });
});
document.addEventListener("themechange", showThemeButton);
addEventListener("popstate", arrive);
addEventListener("scroll", () => scrollY < 100 && hidePill(), { passive: true });

showThemeButton();
everySecond();
showPath();
await feed.start();
document.querySelector("article.focused")?.scrollIntoView({ block: "center" });
