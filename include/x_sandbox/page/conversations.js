/**
 * Arranges posts as a timeline: an account's replies to itself become one thread in reading order,
 * and a thread stands where its newest part belongs. `posts` may come in any order.
 */
export function threads(posts) {
  const known = new Map(posts.map((post) => [post.id, post]));
  const byHead = new Map();
  for (const post of posts) {
    const head = threadHead(post, known);
    byHead.set(head.id, [...(byHead.get(head.id) ?? []), post]);
  }
  const groups = [...byHead].map(([key, parts]) => ({ key, posts: parts.sort(byId) }));
  return groups.sort((one, other) => byId(newest(other), newest(one)));
}

// A repost brings what it repeats back to the top.
function newest({ posts }) {
  return posts.flatMap((post) => [post, ...(post.reposts ?? [])]).sort(byId).at(-1);
}

/** A post with everything above it, oldest first, and the threads that answer it or follow it. */
export function conversationOf(id, posts) {
  const known = new Map(posts.map((post) => [post.id, post]));
  const post = known.get(id);
  if (!post) return null;
  const above = [];
  for (let up = known.get(post.in_reply_to); up && !above.includes(up); up = known.get(up.in_reply_to))
    above.unshift(up);
  const below = posts.filter((other) => other.id !== id && isBelow(other, id, known));
  return { post, above, replies: threads(below).reverse() };
}

function threadHead(post, known) {
  const seen = new Set();
  let head = post;
  for (;;) {
    const parent = known.get(head.in_reply_to);
    if (!parent || parent.author_id !== post.author_id || seen.has(parent.id)) return head;
    seen.add(parent.id);
    head = parent;
  }
}

function isBelow(post, id, known) {
  const seen = new Set();
  for (let up = post; up && !seen.has(up.id); up = known.get(up.in_reply_to)) {
    if (up.in_reply_to === id) return true;
    seen.add(up.id);
  }
  return false;
}

/** Orders posts by age. Ids exceed JavaScript's safe integers: a longer one is newer, then the digits decide. */
export function byId(one, other) {
  return one.id.length - other.id.length || (one.id < other.id ? -1 : Number(one.id > other.id));
}
