/**
 * Leaves out the versions of a post that an edit replaced, and lets replies and quotes that
 * name a replaced version point at the one that stands, as X does.
 */
export function standingVersions(posts) {
  const successor = new Map();
  // Oldest first, so that after a second edit every earlier id leads to the last one.
  for (const post of [...posts].reverse())
    for (const earlier of post.edits ?? []) successor.set(earlier, post.id);
  const standing = (id) => successor.get(id) ?? id;
  return posts
    .filter((post) => !successor.has(post.id))
    .map((post) => ({ ...post, in_reply_to: standing(post.in_reply_to), quote: standing(post.quote) }));
}
