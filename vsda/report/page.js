for (const slider of document.querySelectorAll(".fade input")) {
  slider.addEventListener("input", () => {
    const part = slider.closest("section");
    part.style.setProperty("--fade", slider.value / 100);
  });
  slider.closest(".fade").hidden = false;
}
