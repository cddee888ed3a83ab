import { h } from "./dom.js";
import { avatar } from "./post.js";

/** A tab per account, once there are several; the first tab shows all of them. */
export class Tabs {
  constructor(root, { onChosen }) {
    this.root = root;
    this.onChosen = onChosen;
    this.chosen = null;
    this.known = "";
    root.addEventListener("keydown", (event) => this.move(event));
  }

  take(posts) {
    const accounts = new Map();
    for (const post of [...posts].reverse()) accounts.set(post.author_id, post);
    const known = JSON.stringify(
      [...accounts.values()].map(({ author_id, username, name }) => [author_id, username, name]),
    );
    if (known === this.known) return;
    this.known = known;
    this.root.hidden = accounts.size < 2;
    if (!accounts.has(this.chosen)) this.choose(null);
    this.root.replaceChildren(
      this.tab(null, "All"),
      ...[...accounts.values()].map((post) => this.tab(post.author_id, avatar(post), `@${post.username}`)),
    );
  }

  tab(account, ...content) {
    const selected = account === this.chosen;
    const label = h("span", { class: "tab-label" }, ...content);
    return h(
      "button",
      {
        class: "tab",
        type: "button",
        role: "tab",
        "data-account": account ?? "",
        "aria-selected": String(selected),
        "aria-controls": "timeline",
        tabindex: selected ? "0" : "-1",
        onclick: () => this.choose(account),
      },
      label,
    );
  }

  choose(account) {
    if (account !== this.chosen) {
      this.chosen = account;
      this.onChosen(account);
    }
    for (const tab of this.root.children) {
      const selected = tab.dataset.account === (account ?? "");
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
    }
  }

  move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...this.root.children];
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
  }
}
