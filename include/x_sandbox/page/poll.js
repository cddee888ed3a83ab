import { h } from "./dom.js";
import { timeLeft } from "./time.js";

const number = new Intl.NumberFormat("en");

/** A poll's bars, votes and time left. */
export function pollView(poll) {
  const total = poll.options.reduce((sum, option) => sum + (option.votes ?? 0), 0);
  const most = Math.max(...poll.options.map((option) => option.votes ?? 0));
  return h(
    "div",
    { class: "poll" },
    h(
      "ul",
      {},
      poll.options.map((option) => bar(option, total, most)),
    ),
    h(
      "p",
      { class: "poll-foot" },
      `${number.format(total)} vote${total === 1 ? "" : "s"} · `,
      timeLeft(Date.parse(poll.ends_at)),
    ),
  );
}

function bar({ label, votes = 0 }, total, most) {
  const share = total ? (100 * votes) / total : 0;
  const leads = total > 0 && votes === most;
  return h(
    "li",
    {
      class: leads ? "bar-row leads" : "bar-row",
      title: `${number.format(votes)} vote${votes === 1 ? "" : "s"}`,
    },
    h("span", { class: "bar-fill", style: { width: `${Math.max(share, 0.8)}%` }, "aria-hidden": "true" }),
    h("span", { class: "bar-label", dir: "auto" }, label),
    h("span", { class: "bar-share" }, `${share.toFixed(share % 1 ? 1 : 0)}%`),
  );
}
