import { byId, conversationOf, threads } from "./conversations.js";
import { h, icon } from "./dom.js";
import { PostView } from "./post.js";

const PAGE = 60;

/** The list of threads, or one post in focus, held in step with the sandbox's posts. */
export class Timeline {
  constructor(root, { onShown }) {
    this.root = root;
    this.onShown = onShown;
    this.views = new Map();
    this.posts = null;
    this.limit = PAGE;
    this.filter = { account: null, deleted: false, focus: null };
  }

  /** Takes the sandbox's posts, newest first; returns those that came since the last time. */
  take(posts) {
    const before = this.posts;
    this.posts = posts;
    this.byId = new Map(posts.map((post) => [post.id, post]));
    const fresh = before ? posts.filter((post) => before.length === 0 || byId(post, before[0]) > 0) : [];
    this.draw(new Set(fresh.map((post) => post.id)));
    return fresh;
  }

  show(change) {
    const turned = "focus" in change && change.focus !== this.filter.focus;
    this.filter = { ...this.filter, ...change };
    if (turned) this.views.clear();
    if (this.posts) this.draw(new Set());
  }

  /** Shows another page of threads; false when everything that was read is shown. */
  showOlder() {
    this.limit += PAGE;
    this.draw(new Set());
    return this.limit < this.posts.length;
  }

  draw(fresh) {
    const { items, older, missing = false } = this.filter.focus ? this.conversation() : this.threads();
    for (const item of items)
      for (const view of item.views ?? []) if (fresh.has(view.id)) highlight(view.node);
    const nodes = items.map((item) => item.node);
    arrange(this.root, nodes);
    this.forget();
    this.root.setAttribute("aria-busy", "false");
    [...this.root.querySelectorAll("article.post")].forEach((article, index, all) => {
      article.setAttribute("aria-posinset", index + 1);
      article.setAttribute("aria-setsize", older ? -1 : all.length);
    });
    this.onShown({ older, missing });
  }

  threads() {
    const posts = this.posts.filter((post) => this.isShown(post));
    const all = threads(posts);
    const items = all.slice(0, this.limit).map((thread) => this.threadItem(thread));
    if (items.length === 0) items.push({ node: this.emptyNode() });
    return { items, older: all.length > this.limit };
  }

  /** The post in focus; the address of a replaced version leads to the one that stands. */
  get focusId() {
    const asked = this.filter.focus;
    return this.posts.find((post) => post.edits?.includes(asked))?.id ?? asked;
  }

  conversation() {
    const { focusId } = this;
    const posts = this.posts.filter(
      (post) => this.isShown(post, { anyAccount: true }) || post.id === focusId,
    );
    const found = conversationOf(focusId, posts);
    if (!found) return { items: [{ node: this.missingNode() }], older: false, missing: true };
    const head = this.threadItem({ key: `focus-${found.post.id}`, posts: [...found.above, found.post] });
    return {
      items: [head, ...found.replies.map((thread) => this.threadItem(thread, found.post))],
      older: false,
    };
  }

  isShown(post, { anyAccount = false } = {}) {
    return (
      (this.filter.deleted || !post.deleted) &&
      (anyAccount || !this.filter.account || isOf(post, this.filter.account))
    );
  }

  /** `parent` is the post in focus that the thread stands under: its parts need not say whom they answer. */
  threadItem(thread, parent = null) {
    const views = thread.posts.map((post, index) =>
      this.view(post, thread.posts[index - 1], thread.posts[index + 1], parent),
    );
    const key = `thread-${thread.key}`;
    const node = this.views.get(key) ?? h("div", { class: "thread" });
    this.views.set(key, node);
    arrange(
      node,
      views.map((view) => view.node),
    );
    return { node, views };
  }

  view(post, above, below, parent) {
    const place = {
      joinedAbove: Boolean(above) && post.in_reply_to === above.id,
      joinedBelow: Boolean(below) && below.in_reply_to === post.id,
      underParent: Boolean(parent) && post.in_reply_to === parent.id,
    };
    let view = this.views.get(post.id);
    if (!view) {
      view = new PostView(post, {
        known: (id) => this.byId.get(id),
        focused: this.filter.focus !== null && post.id === this.focusId,
      });
      view.id = post.id;
      this.views.set(post.id, view);
    }
    view.update(post, place);
    return view;
  }

  forget() {
    for (const [key, view] of this.views) if (!this.root.contains(view.node ?? view)) this.views.delete(key);
  }

  emptyNode() {
    if (this.posts.some((post) => !this.filter.account || post.author_id === this.filter.account)) {
      return notice("deleted", "Every post here was deleted", [
        "Turn on “Deleted” above to see what they said.",
      ]);
    }
    this.empty ??= h(
      "section",
      { class: "empty" },
      h("div", { class: "orbit", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
      h("h2", {}, "Waiting for the first post"),
      h(
        "p",
        {},
        "Whatever is posted to this sandbox appears here within a second. Three ways to send something:",
      ),
      h(
        "ol",
        {},
        h("li", {}, h("code", {}, "make demo"), " publishes a calendar of twenty posts."),
        h("li", {}, "In Airflow, trigger the DAG ", h("code", {}, "x_post"), " and fill in its form."),
        h(
          "li",
          {},
          "Point the connection ",
          h("code", {}, "x_default"),
          " at ",
          h("code", {}, location.origin),
          " and run your own DAG.",
        ),
      ),
    );
    return this.empty;
  }

  missingNode() {
    return notice("who", "No such post here", [
      `The sandbox has no post ${this.filter.focus}. If it is about to be sent, stay: it appears by itself.`,
    ]);
  }
}

const isOf = (post, account) =>
  post.author_id === account || (post.reposts ?? []).some((repost) => repost.author_id === account);

function notice(name, title, lines) {
  return h(
    "section",
    { class: "empty" },
    icon(name),
    h("h2", {}, title),
    lines.map((line) => h("p", {}, line)),
  );
}

function highlight(node) {
  node.classList.add("fresh");
  node.addEventListener("animationend", (event) => event.target === node && node.classList.remove("fresh"));
}

// Moves only what is out of place: a moved <video> would stop playing.
function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  let cursor = parent.firstChild;
  for (const node of nodes) {
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
  }
}
