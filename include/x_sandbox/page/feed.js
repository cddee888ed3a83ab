const POSTS = "/_sandbox/posts";
const EVERY_MS = 1000;
const PATIENCE_MS = 8000;
const AT_FIRST = 200;

/**
 * The sandbox's newest posts, read once a second while the page is visible.
 * `onPosts(posts)` is called only when something changed, `onState("live" | "paused" | "lost")` when the connection did.
 */
export class Feed {
  constructor({ onPosts, onState }) {
    this.onPosts = onPosts;
    this.onState = onState;
    this.limit = AT_FIRST;
    this.hasMore = false;
    this.reading = false;
  }

  /** Starts reading; resolves after the first answer. */
  start() {
    document.addEventListener("visibilitychange", () => this.run());
    return this.run();
  }

  /** Asks for twice as many posts from now on. A rehearsal of thousands must not weigh on every second. */
  readMore() {
    if (!this.hasMore) return;
    this.limit *= 2;
    this.hasMore = false;
    this.etag = null;
  }

  run() {
    clearInterval(this.timer);
    if (document.hidden) return this.onState("paused");
    this.timer = setInterval(() => this.read(), EVERY_MS);
    return this.read();
  }

  async read() {
    if (this.reading || document.hidden) return;
    this.reading = true;
    try {
      const response = await fetch(`${POSTS}?limit=${this.limit}`, {
        cache: "no-store",
        headers: this.etag ? { "If-None-Match": this.etag } : {},
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (response.status !== 304) await this.take(response);
      this.onState("live");
    } catch (error) {
      this.onState("lost");
      console.warn(`${POSTS} could not be read, trying again:`, error);
    } finally {
      this.reading = false;
    }
  }

  async take(response) {
    if (!response.ok) throw new Error(`${POSTS} answered ${response.status}`);
    const body = await response.text();
    this.etag = response.headers.get("ETag");
    if (body === this.body) return;
    const { posts } = JSON.parse(body);
    this.body = body;
    this.hasMore = posts.length >= this.limit;
    this.onPosts(posts);
  }
}
