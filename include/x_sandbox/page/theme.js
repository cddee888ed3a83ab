// Loaded before the first paint, so that a chosen theme never flashes in the other one.
(() => {
  const KEY = "x-sandbox-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is off: the system's preference is all there is
    }
  };
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("themechange", { detail: theme }));
  };

  window.sandboxTheme = {
    current: () => document.documentElement.dataset.theme,
    toggle() {
      const next = this.current() === "dark" ? "light" : "dark";
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // not kept over a reload, still applied now
      }
      apply(next);
    },
  };

  apply(chosen() ?? (system.matches ? "dark" : "light"));
  system.addEventListener("change", (event) => chosen() ?? apply(event.matches ? "dark" : "light"));
})();
