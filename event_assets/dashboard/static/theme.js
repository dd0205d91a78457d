// Light or dark: what the system says, until the reader chooses. Runs before the page is painted.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // storage may be forbidden; the choice then lasts as long as the page
  }
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
}

if (chosen()) root.dataset.theme = chosen();

addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const name = () => (button.textContent = isDark() ? "Light theme" : "Dark theme");
  const changed = () => {
    name();
    dispatchEvent(new Event("themechange"));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // see above
    }
    changed();
  });
  system.addEventListener("change", changed);
  name();
});
