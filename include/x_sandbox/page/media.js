import { h } from "./dom.js";
import { openLightbox } from "./lightbox.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** One to four attachments in X's grid. */
export function mediaGrid(media) {
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
      h("div", { class: `cell cell-${item.type}` }, cellContent(item, pictures), badges(item)),
    ),
  );
}

// X lets a single picture keep its shape, within reason: no taller than 3:4, no flatter than 5:2.
function ratio({ width, height }) {
  return width && height ? String(Math.min(2.5, Math.max(0.75, width / height))) : "1.7778";
}

function cellContent(item, pictures) {
  if (item.type === "video") return video(item, { controls: true, preload: "metadata" });
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
    item.alt_text && altBadge(item.alt_text),
  );
}

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
