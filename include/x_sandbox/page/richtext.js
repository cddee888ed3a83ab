import { h } from "./dom.js";

const TAGS =
  /(?<![\p{L}\p{N}_&/])(?:[#＃][\p{L}\p{M}\p{N}_]*[\p{L}\p{M}][\p{L}\p{M}\p{N}_]*|[@＠]\w{1,15}(?![\w@])|\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?(?![\w$]))/gu;
const ATTACHMENT = /\/status\/(\d+)(?:\/(?:photo|video)\/\d+)?\/?$/;

/** A post's text as X shows it: t.co links by their display URL, tags coloured, links to its own attachments left out. */
export function richText(post) {
  const fragment = document.createDocumentFragment();
  let rest = textWithoutAttachmentLinks(post);
  for (const url of linksIn(rest, post)) {
    const at = rest.indexOf(url.url);
    if (at < 0) continue;
    appendTagged(fragment, rest.slice(0, at));
    fragment.append(link(url));
    rest = rest.slice(at + url.url.length);
  }
  appendTagged(fragment, rest);
  return fragment;
}

/** The same text as one plain line, for excerpts and labels. */
export function plainText(post) {
  let text = textWithoutAttachmentLinks(post);
  for (const { url, display_url: shown } of post.entities?.urls ?? []) text = text.replace(url, shown ?? url);
  return text.replace(/\s+/g, " ").trim();
}

function textWithoutAttachmentLinks(post) {
  let text = post.text ?? "";
  for (const url of [...(post.entities?.urls ?? [])].reverse()) {
    const trimmed = text.trimEnd();
    if (trimmed.endsWith(url.url) && isAttachment(url, post))
      text = trimmed.slice(0, -url.url.length).trimEnd();
  }
  return text;
}

function isAttachment(url, post) {
  if (url.media_key || /^pic\.(x|twitter)\.com\//.test(url.display_url ?? "")) return true;
  const target = ATTACHMENT.exec(url.expanded_url ?? "")?.[1];
  return target !== undefined && (target === post.id || target === post.quote);
}

// Found by their own text rather than by start and end: X counts code points there, JavaScript UTF-16 units.
function linksIn(text, post) {
  return (post.entities?.urls ?? [])
    .filter((url) => url.url && text.includes(url.url))
    .sort((one, other) => (one.start ?? 0) - (other.start ?? 0));
}

function link({ url, expanded_url: expanded, display_url: shown }) {
  const target = expanded ?? url;
  const label = shown ?? target.replace(/^https?:\/\//, "");
  if (!/^https?:\/\//i.test(target)) return h("span", { class: "entity" }, label);
  return h(
    "a",
    { class: "entity", href: target, title: target, target: "_blank", rel: "noopener noreferrer" },
    label,
  );
}

function appendTagged(parent, text) {
  let from = 0;
  for (const match of text.matchAll(TAGS)) {
    parent.append(text.slice(from, match.index), h("span", { class: "entity" }, match[0]));
    from = match.index + match[0].length;
  }
  parent.append(text.slice(from));
}
