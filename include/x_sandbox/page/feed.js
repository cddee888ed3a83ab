const POSTS = "/_sandbox/posts";
const EVERY_MS = 1000;
const PATIENCE_MS = 8000;

/**
 * Reads the sandbox's posts once a second while the page is visible.
 * `onPosts(posts)` is called only when something changed, `onState("live" | "paused" | "lost")` when the connection did.
 */
export function watchPosts({ onPosts, onState }) {
  let etag = null;
  let body = null;
  let timer = null;
  let reading = false;

  async function read() {
    if (reading || document.hidden) return;
    reading = true;
    try {
      const response = await fetch(POSTS, {
        cache: "no-store",
        headers: etag ? { "If-None-Match": etag } : {},
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (response.status !== 304) await take(response);
      onState("live");
    } catch (error) {
      onState("lost");
      console.warn(`${POSTS} could not be read, trying again:`, error);
    } finally {
      reading = false;
    }
  }

  async function take(response) {
    if (!response.ok) throw new Error(`${POSTS} answered ${response.status}`);
    const text = await response.text();
    etag = response.headers.get("ETag");
    if (text === body) return;
    const { posts } = JSON.parse(text);
    body = text;
    onPosts(posts);
  }

  function run() {
    clearInterval(timer);
    if (document.hidden) return onState("paused");
    timer = setInterval(read, EVERY_MS);
    return read();
  }

  document.addEventListener("visibilitychange", run);
  return run();
}
