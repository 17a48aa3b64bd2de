/**
 * What every page owes to everybody, checked by hand: runs in the page and answers a list of faults, empty when all
 * is well.
 */
export function manners() {
  const faults = [];
  const visible = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== 'hidden';
  };
  const tell = (element, what) => faults.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const textOf = (ids) =>
    (ids ?? '')
      .split(/\s+/)
      .map((id) => document.getElementById(id)?.textContent ?? '')
      .join('')
      .trim();
  const nameOf = (element) =>
    element.getAttribute('aria-label')?.trim() ||
    textOf(element.getAttribute('aria-labelledby')) ||
    [...(element.labels ?? [])]
      .map((label) => label.textContent)
      .join('')
      .trim() ||
    (element.matches('input, select, textarea, video') ? '' : element.textContent.trim());

  for (const element of document.querySelectorAll('input, select, textarea'))
    if (visible(element) && !nameOf(element)) tell(element, 'a field without a label');
  for (const element of document.querySelectorAll(
    'button, a[href], summary, [role=button], [role=slider], dialog, nav',
  ))
    if (visible(element) && !nameOf(element)) tell(element, 'nothing to call it by');
  for (const element of document.querySelectorAll('img'))
    if (!element.hasAttribute('alt')) tell(element, 'a picture without words');
  for (const element of document.querySelectorAll('svg'))
    if (!element.closest('[aria-hidden=true]') && !nameOf(element)) tell(element, 'a drawing that is read out');
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push(`the id ${id} twice`);
  for (const element of document.querySelectorAll('[aria-describedby], [aria-labelledby]'))
    for (const attribute of ['aria-describedby', 'aria-labelledby'])
      for (const id of (element.getAttribute(attribute) ?? '').split(/\s+/).filter(Boolean))
        if (!document.getElementById(id)) tell(element, `${attribute} names ${id}, which is not there`);
  // A thumb needs 44 px (a hair less is rounding); words in a sentence are as large as the sentence.
  for (const element of document.querySelectorAll(
    'button, input:not([type=radio]):not([type=checkbox]), select, a.btn, a.btn-icon, nav a',
  ))
    if (visible(element) && element.getBoundingClientRect().height < 43.5) tell(element, 'too small for a thumb');
  if (document.querySelectorAll('h1').length !== 1)
    faults.push(`${document.querySelectorAll('h1').length} first headings`);
  if (document.querySelectorAll('main').length !== 1) faults.push('not exactly one main');
  if (!document.documentElement.lang) faults.push('no language');
  if (!document.title.trim()) faults.push('no title');
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > window.innerWidth) faults.push(`scrolls sideways: ${scrollWidth} of ${window.innerWidth} px`);
  return faults;
}
