/** Style sheet of the HTML report. Each outcome has one hue, and is always shown with its word. */
export const STYLE = `
:root { color-scheme: light dark;
  --page: #fbfbfa; --card: #fff; --ink: #1d2129; --soft: #667085; --line: #e4e4e0; --code: #f4f4f1; --link: #2f5fb3;
  --passed: #2c8a57; --warned: #a86e00; --failed: #c9372c; --error: #9440b8; --known: #25799a; --skipped: #8a8f98; }
@media (prefers-color-scheme: dark) { :root {
  --page: #15171b; --card: #1c1f25; --ink: #e3e5e8; --soft: #98a0ac; --line: #2d323a; --code: #14161a; --link: #8fb4f5;
  --passed: #58bd85; --warned: #dfa63a; --failed: #f2766b; --error: #c98be3; --known: #62b5d3; --skipped: #868d97; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2.5rem 1.5rem 5rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; letter-spacing: -.01em; } h1 + p { margin: .2rem 0 2rem; font-size: 1.05rem; }
nav { float: right; padding-top: .5rem; } nav a { margin-left: 1.2rem; color: var(--link); }
h2 { margin: 3rem 0 .8rem; font-size: 1.2rem; } h3 { margin: 0; font-size: 1.05rem; }
.target { margin-top: 2rem; }
h4 { margin: 1.4rem 0 .3rem; font-size: .95rem; font-weight: 600; }
h4 small { margin-left: .5rem; font-weight: 400; } small, .soft { color: var(--soft); }
code, pre { font: 12.5px/1.55 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
.card { min-width: 0; padding: 1.1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.card p { margin: .1rem 0 .7rem; }
.bar { display: flex; gap: 2px; height: 8px; margin: .3rem 0 .8rem; border-radius: 4px; overflow: hidden; }
.bar i { min-width: 3px; background: var(--hue); }
.counts { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; margin: 0; padding: 0; list-style: none; }
.counts b { color: var(--hue); font-variant-numeric: tabular-nums; }
.passed { --hue: var(--passed); } .warned { --hue: var(--warned); } .failed { --hue: var(--failed); }
.error { --hue: var(--error); } .known { --hue: var(--known); } .skipped { --hue: var(--skipped); }
tr.failed b, tr.error b { color: var(--hue); }
.problem { color: var(--failed); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .6rem 0 0; font-size: 13px; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; } summary:focus-visible, button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.card > details { margin-top: .7rem; } .card > details > summary { color: var(--soft); font-size: 13px; }
.filter { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem; padding: .6rem 0; background: var(--page); }
.filter[hidden] { display: none; }
.filter input { flex: 1 1 10rem; }
.filter button, .filter input { padding: .2rem .8rem; font: inherit; font-size: 13px; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: 99px; cursor: pointer; }
.filter button[aria-pressed=true] { color: var(--page); background: var(--hue, var(--ink)); border-color: transparent; }
.tests { border: 1px solid var(--line); border-radius: 8px; background: var(--card); overflow: hidden; }
.test { box-shadow: 0 -1px var(--line); }
.test > summary, .test > p { display: grid; grid-template-columns: 4.6rem minmax(0, 1fr) 4.2rem; gap: .8rem; margin: 0;
  padding: .45rem .9rem; list-style: none; align-items: baseline; }
.test > summary::-webkit-details-marker { display: none; } .test > summary:hover { background: var(--code); }
.verdict { color: var(--hue); font-size: 12px; font-weight: 650; letter-spacing: .03em; text-transform: uppercase; }
.name { overflow-wrap: anywhere; } .name small { display: block; } .name em { display: block; font-style: normal; color: var(--hue); }
.skipped .name em { color: var(--soft); }
.time { text-align: right; color: var(--soft); font-size: 12.5px; font-variant-numeric: tabular-nums; }
pre { margin: 0; padding: .8rem .9rem .9rem; border-top: 1px solid var(--line); background: var(--code);
  white-space: pre-wrap; overflow-wrap: anywhere; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
th, td { padding: .4rem .9rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-weight: 600; } tbody th { font-weight: 500; white-space: nowrap; }
td:not(:nth-child(2)) { white-space: nowrap; } [hidden] { display: none !important; }
.test .wide { border: 0; border-top: 1px solid var(--line); border-radius: 0; }
.ladder { display: block; min-width: 44rem; width: 100%; padding: .6rem .9rem; font: 11px ui-monospace, 'SF Mono', Menlo, Consolas, monospace; }
.ladder text { fill: var(--ink); } .ladder .at { fill: var(--soft); } text.lane { font-weight: 650; }
.ladder g { --stroke: var(--known); } .ladder g.store { --stroke: var(--warned); } .ladder g.driver { --stroke: var(--error); }
.ladder line { stroke: var(--stroke, var(--line)); stroke-width: 1.4; } .ladder polygon { fill: var(--stroke); }
.plot { width: 100%; font: 11px system-ui, sans-serif; } .plot text { fill: var(--soft); } .plot .axis { stroke: var(--line); }
.plot .straight { stroke: var(--soft); stroke-dasharray: 3 4; } .plot polyline { fill: none; stroke: var(--link); stroke-width: 2; }
.plot circle { fill: var(--link); }
@media print { .filter { display: none; } body { max-width: none; padding: 0; } }
`;

/**
 * Shows the filter, and the tests that match it: those with the selected outcome and all words in target, id, title or
 * message. The address contains the filter, so that it can be shared: `#show=failed&find=gso`.
 */
export const SCRIPT = `
const bar = document.querySelector('.filter');
const field = bar.querySelector('input');
let wanted = '';
const show = () => {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const each of bar.querySelectorAll('button')) each.setAttribute('aria-pressed', each.value === wanted);
  for (const test of document.querySelectorAll('.test')) {
    const said = (test.closest('[data-target]').dataset.target + ' ' + test.querySelector('.name').textContent).toLowerCase();
    test.hidden = !(wanted === '' || test.classList.contains(wanted)) || !words.every((word) => said.includes(word));
  }
  for (const chapter of document.querySelectorAll('.chapter')) chapter.hidden = !chapter.querySelector('.test:not([hidden])');
};
const remember = () => {
  show();
  history.replaceState(null, '', '#' + new URLSearchParams({ show: wanted, find: field.value }));
};
const recall = () => {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (!asked.has('show') && !asked.has('find')) return;
  wanted = asked.get('show') ?? '';
  field.value = asked.get('find') ?? '';
  show();
};
bar.hidden = false;
bar.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  wanted = button.value;
  remember();
});
field.addEventListener('input', remember);
addEventListener('hashchange', recall);
recall();
`;
