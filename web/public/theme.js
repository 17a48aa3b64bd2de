// Before anything is painted: the theme the person chose, so that the page does not flash in the other one.
// A file and not an inline script, so that the content security policy can forbid inline scripts.
(function () {
  try {
    var theme = localStorage.getItem('heron.theme');
    if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is closed to us (private window): follow the system.
  }
})();
