import { h, icon } from "./dom.js";
import { labels } from "./labels.js";
import { mediaGrid, videoCard } from "./media.js";
import { pollView } from "./poll.js";
import { plainText, richText } from "./richtext.js";
import { dayAndTime, exact, relativeTime } from "./time.js";

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const full = new Intl.NumberFormat("en");

const METRICS = [
  ["reply", "repl", "y", "ies", (of) => of.reply_count],
  ["repost", "repost", "", "s", (of) => of.repost_count ?? of.retweet_count],
  ["like", "like", "", "s", (of) => of.like_count],
  ["impressions", "impression", "", "s", (of) => of.impression_count],
];

const WHO_CAN_REPLY = {
  following: (post) => `Accounts @${post.username} follows or mentions can reply`,
  mentionedUsers: (post) => `Accounts @${post.username} mentions can reply`,
  subscribers: (post) => `Subscribers of @${post.username} can reply`,
  verified: () => "Verified accounts can reply",
};

export const permalink = (post) => `/${post.username}/status/${post.id}`;

/**
 * A post's article, which `update` keeps current without touching media that did not change.
 * `known` finds another post by id (for quotes and reply lines); `focused` shows it in full.
 */
export class PostView {
  constructor(post, { known, focused = false }) {
    this.known = known;
    this.focused = focused;
    this.node = h("article", {
      class: "post",
      tabindex: "0",
      "data-id": post.id,
      "aria-labelledby": `by-${post.id}`,
    });
    this.update(post, {});
  }

  update(post, { joinedAbove = false, joinedBelow = false, underParent = false }) {
    const context = this.contextOf(post, joinedAbove || underParent);
    const content = JSON.stringify([
      post.text,
      post.media,
      post.name,
      post.username,
      post.deleted,
      post.edits,
      post.choices,
      post.hidden,
      post.reposts,
      post.entities,
      context,
    ]);
    if (content !== this.content) {
      this.content = content;
      this.draw(post, context);
    }
    this.numbers(post);
    this.node.classList.toggle("joined-above", joinedAbove);
    this.node.classList.toggle("joined-below", joinedBelow);
    this.node.classList.toggle("deleted", post.deleted);
    this.node.classList.toggle("hidden-reply", Boolean(post.hidden));
  }

  contextOf(post, parentIsAbove) {
    const quoted = post.quote && this.known(post.quote);
    const parent = this.known(post.in_reply_to);
    return {
      replyingTo:
        !post.in_reply_to || parentIsAbove
          ? null
          : parent
            ? `@${parent.username}`
            : "a post that is not here",
      quoted: quoted && [quoted.text, quoted.deleted, quoted.name],
    };
  }

  draw(post, context) {
    this.foot = h("div", { class: "foot" });
    this.pollSlot = post.poll ? h("div") : null;
    this.node.classList.toggle("focused", this.focused);
    this.node.replaceChildren(
      h("div", { class: "rail" }, avatar(post)),
      h(
        "div",
        { class: "body" },
        !post.deleted && post.reposts?.length > 0 && repostLine(post.reposts),
        byline(post, this.focused),
        post.deleted ? tombstone(post) : this.parts(post, context),
      ),
    );
  }

  parts(post, { replyingTo }) {
    const text = richText(post);
    return [
      replyingTo &&
        h(
          "p",
          { class: "replying" },
          "Replying to ",
          h("span", { class: replyingTo.startsWith("@") ? "entity" : null }, replyingTo),
        ),
      text.textContent && h("p", { class: "text", dir: "auto" }, text),
      post.media?.length > 0 && mediaGrid(post.media, posterOf(post)),
      videoCard(post.choices?.media),
      post.tagged?.length > 0 && tagLine(post.tagged),
      this.pollSlot,
      post.quote && quoteCard(this.known(post.quote)),
      messageButton(post.choices?.direct_message_deep_link),
      labels(post),
      this.focused && post.versions?.length > 0 && versionList(post.versions),
      this.focused &&
        h(
          "p",
          { class: "moment" },
          h(
            "time",
            { datetime: post.created_at, title: exact(Date.parse(post.created_at)) },
            dayAndTime(Date.parse(post.created_at)),
          ),
        ),
      this.foot,
      post.reply_settings in WHO_CAN_REPLY &&
        h("p", { class: "who" }, icon("who"), WHO_CAN_REPLY[post.reply_settings](post)),
    ];
  }

  numbers(post) {
    const numbers = JSON.stringify([post.metrics, post.poll]);
    if (numbers === this.shownNumbers && this.foot.childElementCount) return;
    this.shownNumbers = numbers;
    this.pollSlot?.replaceChildren(pollView(post.poll));
    this.foot.replaceChildren(metricsRow(post.metrics ?? {}));
  }
}

export function avatar({ author_id: id, name, username }) {
  const words = (name || username).split(/[\s_]+/).filter(Boolean);
  const initials = words
    .slice(0, 2)
    .map((word) => [...word][0])
    .join("")
    .toUpperCase();
  // The golden angle keeps the colours of neighbouring ids far apart.
  const hue = Math.round((Number(BigInt(id) % 100_003n) * 137.508) % 360);
  return h("span", { class: "avatar", style: { "--hue": hue }, "aria-hidden": "true" }, initials);
}

function byline(post, focused) {
  return h(
    "header",
    { class: "byline", id: `by-${post.id}` },
    h("span", { class: "name", dir: "auto" }, post.name || post.username),
    h("span", { class: "handle" }, `@${post.username}`),
    !focused && h("span", { class: "dot", "aria-hidden": "true" }, "·"),
    !focused &&
      h(
        "a",
        { class: "permalink", href: permalink(post), "data-open": post.id },
        relativeTime(Date.parse(post.created_at)),
      ),
  );
}

function posterOf({ choices }) {
  const id = choices?.media?.preview_media_id;
  return id ? `/_sandbox/media/${id}` : null;
}

function repostLine(reposts) {
  const names = reposts.map(({ name, username }) => name || username);
  return h("p", { class: "reposted" }, icon("repost"), `${names.join(", ")} reposted`);
}

function tagLine(usernames) {
  return h("p", { class: "tagged" }, icon("who"), usernames.map((name) => `@${name}`).join(", "));
}

function messageButton(link) {
  return (
    link &&
    h("a", { class: "action", href: link, target: "_blank", rel: "noopener noreferrer" }, "Send a message")
  );
}

function versionList(versions) {
  return h(
    "details",
    { class: "versions" },
    h("summary", {}, versions.length === 1 ? "The earlier version" : `${versions.length} earlier versions`),
    h(
      "ol",
      {},
      versions.map(({ text, created_at: at }) =>
        h(
          "li",
          {},
          h("time", { datetime: at, title: exact(Date.parse(at)) }, dayAndTime(Date.parse(at))),
          h("p", { class: "text", dir: "auto" }, text),
        ),
      ),
    ),
  );
}

function tombstone(post) {
  return h(
    "div",
    { class: "tombstone" },
    h("p", {}, icon("deleted"), "This post was deleted."),
    h(
      "details",
      {},
      h("summary", {}, "What it said"),
      h("p", { class: "text", dir: "auto" }, richText(post)),
    ),
  );
}

function quoteCard(quoted) {
  if (!quoted || quoted.deleted)
    return h("div", { class: "quote quote-gone" }, "This post is not available.");
  const picture = quoted.media?.find((item) => item.media_type?.startsWith("image/"));
  return h(
    "a",
    { class: "quote", href: permalink(quoted), "data-open": quoted.id },
    h(
      "span",
      { class: "quote-by" },
      avatar(quoted),
      h("span", { class: "name", dir: "auto" }, quoted.name || quoted.username),
      h("span", { class: "handle" }, `@${quoted.username} · `, relativeTime(Date.parse(quoted.created_at))),
    ),
    h(
      "span",
      { class: "quote-body" },
      picture && h("img", { src: picture.url, alt: picture.alt_text ?? "", loading: "lazy" }),
      h("span", { class: "text", dir: "auto" }, plainText(quoted)),
    ),
  );
}

function metricsRow(metrics) {
  return h(
    "ul",
    { class: "metrics", "aria-label": "Numbers" },
    METRICS.map(([name, stem, one, many, of]) => {
      const count = of(metrics);
      const known = count !== undefined && count !== null;
      const words = known
        ? `${full.format(count)} ${stem}${count === 1 ? one : many}`
        : `${stem}${many} unknown`;
      return h(
        "li",
        { class: `metric metric-${name}`, title: words },
        icon(name),
        h("span", { "aria-hidden": "true" }, known ? compact.format(count) : "–"),
        h("span", { class: "sr-only" }, words),
      );
    }),
  );
}
