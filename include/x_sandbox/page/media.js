import { h, icon } from "./dom.js";
import { openLightbox } from "./lightbox.js";

const ACTIONS = { visit_site: "Visit site", watch_now: "Watch now", app_install: "Install app" };
const WARNINGS = { adult_content: "Adult content", graphic_violence: "Graphic violence", other: "Sensitive" };

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** One to four attachments in X's grid; `poster` is the picture that stands before a video. */
export function mediaGrid(media, poster = null) {
  const shown = media.slice(0, 4);
  const pictures = shown.filter((item) => item.type === "photo");
  return h(
    "div",
    {
      class: "media",
      "data-count": shown.length,
      style: shown.length === 1 ? { "--ratio": ratio(shown[0]) } : {},
    },
    shown.map((item) =>
      h(
        "div",
        { class: `cell cell-${item.type}` },
        cellContent(item, pictures, poster),
        badges(item),
        item.sensitive?.length > 0 && warning(item.sensitive),
      ),
    ),
  );
}

/** What stands below a video: its title, its description, its button. */
export function videoCard({ title, description, call_to_actions: actions = {} } = {}) {
  const [button] = Object.keys(actions);
  const target = actions[button]?.url;
  if (!title && !description && !button) return null;
  return h(
    "div",
    { class: "video-card" },
    title && h("p", { class: "video-title", dir: "auto" }, title),
    description && h("p", { class: "video-description", dir: "auto" }, description),
    button &&
      (/^https?:/.test(target ?? "")
        ? h(
            "a",
            { class: "action", href: target, target: "_blank", rel: "noopener noreferrer" },
            ACTIONS[button],
          )
        : h("span", { class: "action" }, ACTIONS[button])),
  );
}

/** Covers what viewers are warned of until they ask to see it. */
function warning(kinds) {
  const cover = h(
    "div",
    { class: "warning" },
    icon("warning"),
    h("strong", {}, "Content warning"),
    h("p", {}, kinds.map((kind) => WARNINGS[kind] ?? kind).join(", ")),
    h("button", { class: "action", type: "button", onclick: () => cover.remove() }, "Show"),
  );
  return cover;
}

// X lets a single picture keep its shape, within reason: no taller than 3:4, no flatter than 5:2.
function ratio({ width, height }) {
  return width && height ? String(Math.min(2.5, Math.max(0.75, width / height))) : "1.7778";
}

function cellContent(item, pictures, poster) {
  if (item.type === "video") return video(item, { controls: true, preload: "metadata", poster });
  if (item.type === "animated_gif" && item.media_type?.startsWith("video/")) {
    return video(item, { loop: true, autoplay: !calm.matches, controls: calm.matches });
  }
  if (item.type === "animated_gif") return animation(item);
  return h(
    "button",
    {
      class: "picture",
      type: "button",
      "aria-label": `Open picture: ${item.alt_text || "no description"}`,
      onclick: () => openLightbox(pictures, pictures.indexOf(item)),
    },
    image(item),
  );
}

function image(item) {
  return h("img", {
    src: item.url,
    alt: item.alt_text ?? "",
    width: item.width,
    height: item.height,
    loading: "lazy",
    decoding: "async",
  });
}

function video(item, attributes) {
  const node = h("video", {
    src: item.url,
    playsinline: true,
    "aria-label": item.alt_text || "Video",
    ...attributes,
  });
  node.muted = !attributes.controls;
  return node;
}

/** A looping GIF with a pause button; it waits for a click where less motion is asked for. */
function animation(item) {
  const moving = image(item);
  moving.loading = "eager";
  const still = h("canvas", {
    class: "still",
    hidden: true,
    role: "img",
    "aria-label": item.alt_text || "GIF",
  });
  const button = h("button", {
    class: "gif-toggle",
    type: "button",
    onclick: () => play(still.hidden === false),
  });

  function play(on) {
    if (!on && moving.naturalWidth) {
      still.width = moving.naturalWidth;
      still.height = moving.naturalHeight;
      still.getContext("2d").drawImage(moving, 0, 0);
    }
    still.hidden = on;
    moving.hidden = !on;
    button.textContent = on ? "❚❚" : "▶";
    button.setAttribute("aria-label", on ? "Pause the GIF" : "Play the GIF");
  }

  play(true);
  if (calm.matches) moving.addEventListener("load", () => play(false), { once: true });
  return h("div", { class: "gif" }, moving, still, button);
}

function badges(item) {
  return h(
    "div",
    { class: "media-badges" },
    item.type === "animated_gif" && h("span", { class: "media-badge" }, "GIF"),
    item.subtitles?.length > 0 &&
      h(
        "span",
        { class: "media-badge", title: item.subtitles.map(trackName).join(", ") },
        `CC ${item.subtitles.map((track) => track.language_code).join(" ")}`,
      ),
    item.alt_text && altBadge(item.alt_text),
  );
}

const trackName = ({ display_name: name, language_code: code }) => name || code;

function altBadge(text) {
  const popover = h(
    "div",
    { class: "alt-popover", popover: "auto" },
    h("strong", {}, "Description"),
    h("p", { dir: "auto" }, text),
  );
  const button = h(
    "button",
    { class: "media-badge alt-badge", type: "button", "aria-label": "Show the description" },
    "ALT",
  );
  button.popoverTargetElement = popover;
  popover.addEventListener("beforetoggle", (event) => event.newState === "open" && place(popover, button));
  return [button, popover];
}

function place(popover, button) {
  const at = button.getBoundingClientRect();
  const width = Math.min(360, innerWidth - 24);
  popover.style.setProperty("width", `${width}px`);
  popover.style.setProperty("left", `${Math.max(12, Math.min(at.left, innerWidth - width - 12))}px`);
  popover.style.setProperty("bottom", `${innerHeight - at.top + 8}px`);
}
