/** Builds an element. Strings become text nodes, so nothing a post says is ever read as markup. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "style")
      for (const [key, part] of Object.entries(value)) node.style.setProperty(key, part);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
}

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  reply:
    "M4 11.5C4 7.4 7.4 4 11.6 4h.8C16.6 4 20 7.3 20 11.4c0 2.6-1.4 5-3.6 6.3L11 21v-3.2h-.4C7 17.8 4 15 4 11.5z",
  repost: "M3 10l3.5-3.5L10 10M6.5 6.5V15a3 3 0 0 0 3 3H13M21 14l-3.5 3.5L14 14M17.5 17.5V9a3 3 0 0 0-3-3H11",
  like: "M12 20.5S3.5 15.6 3.5 9.4C3.5 6.5 5.7 4.5 8.2 4.5c1.6 0 3 .8 3.8 2.2.8-1.4 2.2-2.2 3.8-2.2 2.5 0 4.7 2 4.7 4.9 0 6.2-8.5 11.1-8.5 11.1z",
  impressions: "M5 20v-6M10 20V5M15 20V11M20 20V8",
  sun: "M12 7.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM12 2v2.2M12 19.8V22M2 12h2.2M19.8 12H22M4.9 4.9l1.6 1.6M17.5 17.5l1.6 1.6M4.9 19.1l1.6-1.6M17.5 6.5l1.6-1.6",
  moon: "M20 14.2A8.3 8.3 0 0 1 9.8 4 8.3 8.3 0 1 0 20 14.2z",
  back: "M19 12H5M11.5 5.5 5 12l6.5 6.5",
  next: "M9 5l7 7-7 7",
  previous: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6 6 18",
  sparkle: "M12 3.5l1.9 6.6 6.6 1.9-6.6 1.9L12 20.5l-1.9-6.6L3.5 12l6.6-1.9z",
  who: "M12 12.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.8-3.6 3.8-5.5 7.5-5.5s6.7 1.9 7.5 5.5",
  handshake: "M4 9.5h4l3-2 3 1.5h6M4 16h3l4 3 3-1 3-2.5h3M11 12.5l3-2.5 4 4",
  pencil: "M4.5 19.5l1-4L16 5l3 3L8.5 18.5z",
  hidden:
    "M3 3l18 18M10.6 6.2A9.8 9.8 0 0 1 12 6c6 0 9 6 9 6a15 15 0 0 1-2.6 3.3M6.3 8A15 15 0 0 0 3 12s3 6 9 6c1.3 0 2.5-.3 3.5-.7M9.9 10a3 3 0 0 0 4.2 4.2",
  place: "M12 21s6.5-6 6.5-11a6.5 6.5 0 0 0-13 0c0 5 6.5 11 6.5 11zM12 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z",
  card: "M3.5 6h17v12h-17zM3.5 14h17",
  warning: "M12 4 2.8 20h18.4zM12 10v4.5M12 17.2v.3",
  deleted: "M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7",
};

/** A decorative line icon; what it means is said in the text or the label beside it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
