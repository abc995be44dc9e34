/**
 * The script of the HTML report; without it the page only lacks filters, sorting and buttons. It unfolds what the
 * address names, a test (`#my-netback/backend.receive.bad-ref`, or the id alone) or a requirement (`#RXW-06`); filters
 * tests and requirements by result and words, which the address keeps (`#show=failed&find=gso`); sorts tests by
 * duration; and copies commands.
 */
export const SCRIPT = `
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
document.documentElement.classList.add('js');

const reveal = () => {
  const name = decodeURIComponent(location.hash.slice(1));
  if (name === '' || name.includes('=')) return;
  const found = document.getElementById(name) ?? (/^[\\w.-]+$/.test(name) ? document.querySelector('[id$="/' + name + '"]') : null);
  if (!found) return;
  const own = found.matches('tr') ? found.querySelector('details') : undefined;
  if (own) own.open = true;
  for (let at = found; at; at = at.parentElement) {
    if (at.hidden) at.hidden = false;
    if (at.tagName === 'DETAILS') at.open = true;
  }
  const scroll = () => (found.closest('.test') ?? found).scrollIntoView();
  scroll();
  // Chapters above have their real heights only now.
  requestAnimationFrame(() => requestAnimationFrame(scroll));
};

const sorted = document.querySelector('.sorted');
const homes = new Map();
const sort = (slowest) => {
  if (slowest && homes.size === 0) {
    const rows = all('.driver .test');
    const several = all('.driver').length > 1;
    for (const row of rows) {
      if (several) row.querySelector('.id, code').dataset.target = row.closest('.driver').dataset.target;
      const mark = document.createComment('');
      row.before(mark);
      homes.set(row, mark);
    }
    const time = new Map(rows.map((row) => [row, Number(row.querySelector('time').dataset.ms)]));
    sorted.append(...rows.sort((a, b) => time.get(b) - time.get(a)));
  } else if (!slowest) {
    for (const [row, mark] of homes) mark.replaceWith(row);
    homes.clear();
  }
  sorted.hidden = !slowest;
  for (const each of all('.driver')) each.hidden = slowest;
};

const bars = all('.filter').map((bar) => {
  const field = bar.querySelector('input');
  const section = bar.parentElement;
  const texts = new Map();
  const opened = new Set();
  let wanted = '';
  const text = (item) => {
    const home = homes.get(item) ?? item;
    const parts = [(home.parentElement ?? item).closest('[data-target]')?.dataset.target, (item.querySelector('summary') ?? item).textContent];
    return parts.join(' ').toLowerCase();
  };
  const show = () => {
    const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const filtered = wanted !== '' || words.length > 0;
    for (const each of all('button[value]', bar)) each.setAttribute('aria-pressed', each.value === wanted);
    for (const item of all(bar.dataset.items, section)) {
      if (words.length > 0 && !texts.has(item)) texts.set(item, text(item));
      const hit = wanted === '' || item.classList.contains(wanted);
      item.hidden = !hit || !words.every((word) => texts.get(item).includes(word));
    }
    for (const part of all('.chapter', section)) {
      part.hidden = filtered && !part.querySelector(bar.dataset.items + ':not([hidden])');
    }
    for (const fold of all('details.chapter, details.driver', section)) {
      if (filtered && !fold.hidden && !fold.open) opened.add(fold);
      if (opened.has(fold)) fold.open = filtered;
      if (!filtered) opened.delete(fold);
    }
  };
  bar.hidden = false;
  field.addEventListener('input', () => {
    show();
    remember();
  });
  bar.addEventListener('click', ({ target }) => {
    const button = target.closest('button');
    if (!button) return;
    if (button.matches('.sort')) {
      button.setAttribute('aria-pressed', homes.size === 0);
      sort(homes.size === 0);
    } else {
      wanted = button.value;
      show();
    }
    remember();
  });
  return {
    state: () => [[bar.dataset.show, wanted], [bar.dataset.find, field.value], ['sort', bar.querySelector('.sort[aria-pressed=true]') ? 'slowest' : '']],
    recall(asked) {
      const slow = bar.querySelector('.sort');
      if (slow) {
        slow.setAttribute('aria-pressed', asked.get('sort') === 'slowest');
        sort(asked.get('sort') === 'slowest');
      }
      wanted = asked.get(bar.dataset.show) ?? '';
      field.value = asked.get(bar.dataset.find) ?? '';
      show();
      return wanted !== '' || field.value !== '' || slow?.getAttribute('aria-pressed') === 'true' ? section : undefined;
    },
  };
});
const remember = () => {
  const state = bars.flatMap((bar) => bar.state()).filter(([, value]) => value !== '');
  history.replaceState(null, '', '#' + new URLSearchParams(state));
};
const recall = () => {
  if (!location.hash.includes('=')) return reveal();
  const asked = new URLSearchParams(location.hash.slice(1));
  bars.map((bar) => bar.recall(asked)).find(Boolean)?.scrollIntoView();
};
addEventListener('hashchange', recall);
recall();

addEventListener('click', async ({ target }) => {
  const button = target.closest('.copy, .unfold');
  if (button?.matches('.copy')) {
    const command = button.parentElement.querySelector('.command');
    getSelection().selectAllChildren(command);
    // A page that is not from a secure origin has no clipboard object.
    await (navigator.clipboard?.writeText(command.textContent) ?? document.execCommand('copy'));
    button.textContent = 'copied';
  } else if (button) {
    const open = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', open);
    button.textContent = open ? 'fold all' : 'unfold all';
    for (const each of all('details.test, details.more', button.closest('section'))) each.open = open;
  }
});
`;
