import { h, icon } from "./dom.js";

/** What X says below a post about it: what it is, where it is, who sees it. */
export function labels({ choices = {}, edits = [], hidden }) {
  const found = [
    choices.made_with_ai && ["sparkle", "Made with AI"],
    choices.paid_partnership && ["handshake", "Paid partnership"],
    choices.for_super_followers_only && ["who", audience(choices, "Subscribers only")],
    choices.community_id && ["who", audience(choices, `In community ${choices.community_id}`)],
    choices.geo && ["place", `At ${choices.geo.place_id}`],
    choices.card_uri && ["card", choices.card_uri],
    choices.nullcast && ["handshake", "Only as an ad"],
    hidden && ["hidden", "Hidden reply"],
    edits.length > 0 && ["pencil", edits.length === 1 ? "Edited" : `Edited ${edits.length} times`],
  ].filter(Boolean);
  return (
    found.length > 0 &&
    h(
      "p",
      { class: "labels" },
      found.map(([name, text]) => h("span", { class: "label" }, icon(name), text)),
    )
  );
}

const audience = ({ share_with_followers: shared }, words) =>
  shared ? `${words}, shared with followers` : words;
