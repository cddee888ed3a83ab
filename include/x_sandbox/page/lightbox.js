import { icon } from "./dom.js";

const dialog = document.getElementById("lightbox");
const image = dialog.querySelector("img");
const caption = dialog.querySelector("figcaption");
const [close, previous, next] = ["close", "previous", "next"].map((name) => {
  const button = dialog.querySelector(`.lightbox-${name}`);
  button.append(icon(name));
  return button;
});

let pictures = [];
let index = 0;

/** Shows one of a post's pictures in full; the arrow keys go through the others. */
export function openLightbox(all, at) {
  pictures = all;
  show(at);
  dialog.showModal();
}

function show(at) {
  index = (at + pictures.length) % pictures.length;
  const picture = pictures[index];
  image.src = picture.url;
  image.alt = picture.alt_text ?? "";
  caption.textContent = picture.alt_text || "No description";
  previous.hidden = next.hidden = pictures.length < 2;
}

close.addEventListener("click", () => dialog.close());
previous.addEventListener("click", () => show(index - 1));
next.addEventListener("click", () => show(index + 1));
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") show(index - 1);
  if (event.key === "ArrowRight") show(index + 1);
});
dialog.addEventListener("close", () => image.removeAttribute("src"));
