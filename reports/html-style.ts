/** The line of a test: its outcome, id, title, message, requirements and duration. */
const LINE = ':is(p.test, .test > summary)';
/** A line of a test whose id, title and requirements stand below each other, for narrow screens and for paper. */
const STACKED = `
  ${LINE} { grid-template-columns: 1fr auto; padding: .5rem .8rem; } ${LINE} > :is(.id, code, small, em, span) { grid-column: 1 / -1; grid-row: auto; }
  ${LINE} > time { grid-row: 1; grid-column: 2; } ${LINE} > span { text-align: left; } ${LINE} > span:empty { display: none; }`;

/** Style sheet of the HTML pages. Each outcome has one hue, and is always shown with its word. */
export const STYLE = `
:root { color-scheme: light dark;
  --page: #fbfbfa; --card: #fff; --ink: #1d2129; --soft: #626b7a; --line: #e4e4e0; --code: #f5f5f2; --link: #2a5db0;
  --passed: #23854f; --warned: #a36a00; --failed: #c8352b; --error: #8f3fb8; --known: #1f7797; --skipped: #838993;
  --slot: #2a5db0; --index: #7a4fc0; --event: #a36a00; --frame: #23854f; --grant: #1f7797; --xenstore: #8a6d55; }
@media screen and (prefers-color-scheme: dark) { :root {
  --page: #15171b; --card: #1c1f25; --ink: #e4e6e9; --soft: #9aa2ae; --line: #2e333b; --code: #17191d; --link: #8fb4f5;
  --passed: #58bd85; --warned: #dfa63a; --failed: #f2766b; --error: #c98be3; --known: #62b5d3; --skipped: #868d97;
  --slot: #8fb4f5; --index: #b79af0; --event: #dfa63a; --frame: #58bd85; --grant: #62b5d3; --xenstore: #c2a78f; } }
* { box-sizing: border-box; } [hidden] { display: none !important; }
html { scroll-padding-top: 4.5rem; }
body { margin: 0 auto; max-width: 78rem; padding: 1.6rem 1.5rem 6rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
a { color: var(--link); text-decoration-color: color-mix(in srgb, currentColor 35%, transparent); text-underline-offset: 2px; }
nav { float: right; } nav a { margin-left: 1.2rem; color: var(--soft); text-decoration: none; } nav a:hover { color: var(--link); }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.25; letter-spacing: -.015em; text-wrap: balance; }
h1 + p { margin: .2rem 0 2rem; font-size: 1.05rem; }
h2 { margin: 3.2rem 0 .9rem; font-size: 1.3rem; letter-spacing: -.01em; } h3 { margin: 0; font-size: 1rem; }
h4 { margin: 1.5rem 0 .35rem; font-size: .95rem; font-weight: 600; }
small, .soft { color: var(--soft); font-weight: 400; } small { font-size: .86em; } h2 small { margin-left: .4rem; font-size: .95rem; letter-spacing: 0; }
code, pre { font: 12.5px/1.55 ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
pre { margin: 0; padding: .7rem .9rem; background: var(--code); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
  padding-left: 2.4rem; text-indent: -1.5rem; }
summary { cursor: pointer; } :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.passed { --hue: var(--passed); } .warned { --hue: var(--warned); } .failed { --hue: var(--failed); } .error { --hue: var(--error); }
.known { --hue: var(--known); } .skipped, .unreached, .unobserved, .untestable { --hue: var(--skipped); }
.problem { color: var(--failed); font-weight: 600; }

.head { padding-bottom: .5rem; } .brand { margin: 0 0 1.6rem; color: var(--soft); font-weight: 650; letter-spacing: .01em; }
.head h1::before { content: ''; display: inline-block; width: .62em; height: .62em; margin-right: .45em; border-radius: 50%; background: var(--hue); }
.bar { display: flex; gap: 2px; height: 8px; border-radius: 4px; overflow: hidden; } .bar i { min-width: 3px; background: var(--hue); }
.bar .passed { opacity: .75; } .bar .skipped, .bar .unobserved, .bar .unreached { opacity: .35; }
.head > .bar { margin: 1.2rem 0 .7rem; height: 12px; border-radius: 6px; }
.counts { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; margin: 0; padding: 0; list-style: none; }
.counts b { color: var(--hue); font-variant-numeric: tabular-nums; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .9rem 1.6rem; margin: 1.6rem 0 0; }
.facts dt { color: var(--soft); font-size: 12px; } .facts dd { margin: 0; overflow-wrap: anywhere; }
.folds { display: flex; flex-wrap: wrap; gap: .1rem 1.4rem; margin-top: .9rem; font-size: 13px; }
.folds summary { color: var(--soft); } .folds details[open] { flex-basis: 100%; }
dl { margin: 0; } .folds dl, .evidence dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; font-size: 13.5px; }
.folds dl { padding: .4rem 0 .8rem; } .folds dt, .evidence dt { color: var(--soft); } .folds dd, .evidence dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }

.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
.wide table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
.wide th, .wide td { padding: .45rem .9rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
.wide thead th { border-top: 0; color: var(--soft); font-weight: 600; } .wide tbody th { font-weight: 550; white-space: nowrap; }
.wide td:not(:nth-child(2)) { white-space: nowrap; }
.drivers { margin: 0; } .drivers small { display: block; }
.drivers td:nth-child(2) { min-width: 19rem; width: 46%; } .drivers td:nth-child(3) { white-space: normal; min-width: 12rem; }
.drivers .bar { margin: .4rem 0 .3rem; } .drivers .folds { margin-top: .2rem; font-size: 12.5px; } .drivers .problem { margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
.card { min-width: 0; padding: 1.1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }

button, input[type=search] { padding: .2rem .8rem; font: inherit; font-size: 13px; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: 99px; } button { cursor: pointer; } button:hover { border-color: var(--soft); }
html:not(.js) button { display: none; }
.unfold { float: right; font-weight: 400; letter-spacing: 0; } .copy { padding: 0 .6rem; font-size: 12px; }
.filter { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .4rem; padding: .6rem 0; background: var(--page); }
.filter input { flex: 1 1 10rem; min-width: 8rem; }
.filter button[class]:not(.sort) { color: var(--hue); }
.filter button[aria-pressed=true][aria-pressed=true] { color: var(--page); background: var(--hue, var(--ink)); border-color: transparent; }

.cause { margin: 0 0 1.3rem; border: 1px solid var(--line); border-left: 4px solid var(--hue); border-radius: 8px; background: var(--card); overflow: hidden; }
.cause > header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .8rem; padding: .8rem 1rem .3rem; }
.cause h3 { flex: 1 1 20rem; min-width: 0; overflow-wrap: anywhere; } .count { color: var(--soft); font-size: 13px; }
.class { padding: 0 .55rem; border-radius: 99px; color: var(--hue); background: color-mix(in srgb, var(--hue) 13%, transparent); font-size: 12.5px; font-weight: 650; }
.broken { margin: 0; padding: 0 1rem .7rem; list-style: none; font-size: 13.5px; }
.cause .tests { border: 0; border-top: 1px solid var(--line); border-radius: 0; }
.more > summary { padding: .5rem 1rem; color: var(--link); box-shadow: 0 -1px var(--line); font-size: 13.5px; }
.tests { border: 1px solid var(--line); border-radius: 8px; background: var(--card); overflow: hidden; }
section.chapter { content-visibility: auto; contain-intrinsic-size: auto 30rem; }
.driver > summary { padding: .7rem 0; border-top: 1px solid var(--line); } .driver > summary h3 { display: inline; }
.test { margin: 0; box-shadow: 0 -1px var(--line); }
${LINE} { display: grid; grid-template-columns: 3.2rem minmax(0, 24rem) minmax(0, 1fr) minmax(0, 9rem) 4rem; gap: 0 .9rem;
  padding: .38rem 1rem; list-style: none; align-items: baseline; overflow-wrap: anywhere; }
summary::-webkit-details-marker { display: none; } .test > summary:hover { background: var(--code); }
.test[open] > summary { background: var(--code); }
${LINE} > b { color: var(--hue); font-size: 12px; font-weight: 700; letter-spacing: .03em; text-transform: uppercase; }
.id, .test > summary > code { font: 13px/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
.id { color: var(--ink); text-decoration: none; } .id:hover { color: var(--link); text-decoration: underline; }
.test > summary > code { text-decoration: underline dotted color-mix(in srgb, var(--soft) 60%, transparent); text-underline-offset: 3px; }
${LINE} > small { font-size: 13px; } ${LINE} > em { grid-column: 2 / 4; grid-row: 2; font-style: normal; font-size: 13px; color: var(--hue); }
.skipped em { color: var(--soft); } .cause .test em { color: var(--ink); opacity: .85; }
.target { padding: 0 .45rem; border-radius: 4px; background: var(--code); font-size: 12.5px; font-weight: 600; }
.sorted [data-target]::before { content: attr(data-target) ' '; color: var(--soft); font-family: system-ui, sans-serif; }
.here { display: inline-block; margin-left: .5em; visibility: hidden; text-decoration: none; } .test:hover .here, .here:focus { visibility: visible; }
${LINE} > span { text-align: right; font-size: 11.5px; line-height: 1.6; }
${LINE} > span a { color: var(--soft); white-space: nowrap; text-decoration: none; } ${LINE} > span a:hover { color: var(--link); }
.rule { font-size: .92em; } .broken .rule { font-weight: 650; }
${LINE} > time { text-align: right; color: var(--soft); font-size: 12.5px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.evidence { padding: .8rem 1rem 1.1rem; border-top: 1px solid var(--line); } .evidence pre { margin-top: .8rem; }
.evidence:target, tr:target, p.test:target { box-shadow: inset 3px 0 var(--link); }
.files { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin-top: .8rem; font-size: 13.5px; } .files details { flex: 1 1 12rem; } .files details[open] { flex-basis: 100%; }
.files summary { color: var(--link); } summary { list-style: none; }
.folds summary::before, .files summary::before, .more > summary::before, .driver > summary::before, .earlier > summary::before, .matrix summary .title::before,
.ladder li summary::before { content: '▸'; display: inline-block; width: 1.1em; color: var(--soft); font-size: .85em; }
:is(.folds, .files) details[open] > summary::before, .more[open] > summary::before, .driver[open] > summary::before, .earlier[open] > summary::before,
.chapter[open] > summary .title::before, .ladder li details[open] > summary::before { content: '▾'; }

.matrix { --first: minmax(17rem, 1fr); --w: minmax(4rem, 5.4rem); border: 1px solid var(--line); border-radius: 10px; background: var(--card); font-size: 13.5px; }
.matrix.one { --w: 7rem; } .matrix.many { --w: 3rem; } .matrix.scrolls { overflow-x: auto; }
.heads, .sum, .matrix .chapter > summary, .matrix tr { display: grid; grid-template-columns: var(--first) repeat(var(--n), var(--w)); column-gap: 2px; }
.scrolls { --first: 17rem; } .scrolls :is(.heads, .sum, .chapter > summary, table, tr) { min-width: max-content; }
.scrolls :is(.title, th, .corner) { position: sticky; left: 0; z-index: 1; background: var(--card); } .many .sum .total small { display: none; }
.few tr { scroll-margin-top: 5.5rem; } .many tr { scroll-margin-top: 12rem; }
.heads { position: sticky; top: 2.9rem; z-index: 1; padding: .5rem 2px; background: var(--card); border-bottom: 1px solid var(--line); border-radius: 10px 10px 0 0; align-items: end; }
.scrolls .heads { position: static; } .scrolls .corner { align-self: stretch; }
.heads a { color: var(--ink); text-decoration: none; font-size: 12px; font-weight: 600; line-height: 1.3; text-align: center; overflow-wrap: anywhere; }
.heads .role { color: var(--soft); font-size: 12px; text-align: center; border-bottom: 1px solid var(--line); margin: 0 4px .3rem; } .scrolls .role { text-align: left; }
.sum { padding: 0 2px; border-bottom: 1px solid var(--line); background: var(--code); } .sum .title { font-weight: 650; }
.many .heads a span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 11rem; }
.matrix .chapter > summary { padding: 0 2px; align-items: stretch; } .matrix .chapter + .chapter > summary { border-top: 1px solid var(--line); }
.matrix .chapter > summary:hover .title { color: var(--link); }
.matrix .title { padding: .5rem .9rem; font-weight: 600; } .matrix .title small { margin-left: .3rem; }
.total { display: flex; flex-direction: column; justify-content: center; padding: .3rem .35rem; text-align: center; font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; line-height: 1.25; }
.total { display: block; padding-top: .42rem; } .total small { font-size: 1em; } .total b { color: var(--ink); font-weight: 600; } .total.failed b, .total.error b { color: var(--hue); }
.total .bar { height: 5px; margin-top: .25rem; gap: 1px; } .total .bar i { min-width: 2px; }
.matrix table { display: block; border-top: 1px solid var(--line); } .matrix tbody { display: block; } .matrix tr { padding: 0 2px; } .matrix tr + tr { border-top: 1px solid color-mix(in srgb, var(--line) 60%, transparent); }
.matrix tr th { padding: 0; text-align: left; font-weight: 400; min-width: 0; } .matrix th summary { display: flex; gap: .8rem; padding: .38rem .9rem; align-items: baseline; }
.matrix th summary code { flex: 0 0 5.4rem; font-weight: 600; } .matrix th summary:hover { color: var(--link); }
.matrix th .evidence { padding: .2rem .9rem .8rem 7rem; border: 0; font-size: 13px; color: var(--soft); } .matrix .evidence p { margin: 0 0 .3rem; } .matrix .evidence b { font-weight: 600; color: var(--ink); }
.matrix .evidence ul { margin: .3rem 0 0; padding: 0; list-style: none; columns: 20rem; } .matrix .evidence a { color: var(--hue, var(--link)); overflow-wrap: anywhere; } .matrix .evidence a.passed { --hue: var(--link); }
.matrix td { padding: 0; text-align: center; font-size: 12px; line-height: 1.25; background: color-mix(in srgb, var(--hue, transparent) 11%, transparent); }
.matrix td.failed, .matrix td.error { background: color-mix(in srgb, var(--hue) 26%, transparent); font-weight: 650; } .matrix td.warned { background: color-mix(in srgb, var(--hue) 19%, transparent); }
.matrix td:is(.unobserved, .unreached, .untestable) { background: none; } .matrix td.unbound { background: repeating-linear-gradient(-45deg, var(--code) 0 3px, transparent 3px 7px); }
.matrix td { padding: .38rem .1rem; color: var(--hue); } .matrix td a { display: block; color: inherit; }
.matrix td.unobserved span { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }

.ladder { margin: 1.1rem 0 0; padding: .2rem .9rem .7rem; border: 1px solid var(--line); border-radius: 8px; font-size: 12.5px; line-height: 1.4; }
.ladder figcaption { position: relative; display: flex; justify-content: space-between; margin-left: 4.6rem; padding: .45rem 0; font-weight: 650; }
.ladder ol { margin: 0; padding: 0; list-style: none; } .ladder li { display: grid; grid-template-columns: 4.6rem 1fr; }
.ladder time { padding-top: .55rem; color: var(--soft); font-size: 11.5px; font-variant-numeric: tabular-nums; }
.ladder li > div { position: relative; border: solid var(--line); border-width: 0 2px; padding: .45rem 0; min-width: 0; }
.ladder p, .ladder li summary { position: relative; margin: 0; padding: 0 1.1rem .3rem; border-bottom: 2px solid var(--hue); text-align: center; overflow-wrap: anywhere; }
.ladder p::after, .ladder li summary::after { content: ''; position: absolute; bottom: -6px; border: 5px solid transparent; }
.ladder .right > div > :is(p, details > summary)::after, .ladder .right summary::after { right: -1px; border-left: 8px solid var(--hue); border-right: 0; }
.ladder .left p::after, .ladder .left summary::after { left: -1px; border-right: 8px solid var(--hue); border-left: 0; }
.ladder .at-left > div > * { margin-right: 42%; } .ladder .at-right > div > * { margin-left: 42%; }
.ladder .xenstore p, .ladder .xenstore summary { border-bottom-style: dashed; }
.ladder .kind { padding: 0 .4em; border-radius: 3px; color: var(--hue); background: color-mix(in srgb, var(--hue) 13%, transparent); font-size: 11px; font-weight: 650; }
.ladder .kind:empty { display: none; } .ladder b { font-weight: 650; } .ladder .times { color: var(--hue); } .ladder pre { font-size: 11.5px; margin: .5rem .6rem 0; }
.slot { --hue: var(--slot); } .index { --hue: var(--index); } .event { --hue: var(--event); } .frame { --hue: var(--frame); } .grant { --hue: var(--grant); }
.xenstore { --hue: var(--xenstore); } .guest, .other { --hue: var(--soft); }
.ladder .gap { display: block; margin-left: 4.6rem; padding: .35rem 0; border: dashed var(--line); border-width: 0 2px; text-align: center; color: var(--soft); font-size: 12px; }
.earlier > summary { margin-left: 4.6rem; padding: .3rem 1rem; border: dashed var(--line); border-width: 0 2px; text-align: center; color: var(--soft); }

.plot { width: 100%; font: 11px system-ui, sans-serif; } .plot text { fill: var(--soft); } .plot .axis { stroke: var(--line); }
.plot .straight { stroke: var(--soft); stroke-dasharray: 3 4; } .plot polyline { fill: none; stroke: var(--link); stroke-width: 2; }
.plot circle { fill: var(--link); }

@media screen and (max-width: 52rem) {
  body { padding: 1rem .8rem 4rem; font-size: 14.5px; } nav { float: none; margin-bottom: .6rem; } nav a { margin: 0 1rem 0 0; } .brand { display: none; }
  h1 { font-size: 1.35rem; } h2 { margin-top: 2.4rem; } .facts { grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
  ${STACKED}
  .evidence { padding: .7rem .8rem; } .evidence dl, .folds dl { grid-template-columns: 1fr; gap: 0; } .evidence dd, .folds dd { margin-bottom: .4rem; }
  .filter { position: static; } .ladder { padding: .2rem .5rem .6rem; } .ladder li { grid-template-columns: 3.6rem 1fr; } .ladder :is(figcaption, .gap), .earlier > summary { margin-left: 3.6rem; }
  .ladder figcaption { font-size: 12px; gap: 1rem; } .ladder figcaption span:last-child { text-align: right; } .ladder p, .ladder li summary { padding: 0 .6rem .25rem; } .ladder :is(.at-left, .at-right) > div > * { margin: 0; }
  .matrix:not(.scrolls) { --w: 1fr; } .matrix:not(.scrolls) :is(.heads, .sum, .chapter > summary, tr) { grid-template-columns: repeat(var(--n), minmax(0, 1fr)); }
  .matrix .heads { top: 0; } .matrix:not(.scrolls) .corner { display: none; } .scrolls { --first: 9rem; } .scrolls th .evidence { padding-left: .6rem; } .matrix:not(.one) .total small { display: none; } .few .heads a span { writing-mode: vertical-rl; transform: rotate(180deg); }
  .matrix:not(.scrolls) :is(.title, th) { grid-column: 1 / -1; } .matrix .title { padding: .5rem .6rem 0; } .matrix th summary { padding: .4rem .6rem .2rem; display: block; } .matrix th summary code { margin-right: .5rem; }
  .matrix th .evidence { padding: .2rem .6rem .6rem; } .few td span { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; } .matrix.one td { text-align: left; padding: 0 .6rem .4rem; background: none !important; }
  .matrix.one .total { padding: 0 .6rem .5rem; text-align: left; }
}
@media print {
  :root { color-scheme: light; } body { max-width: none; padding: 0; font-size: 10.5pt; } nav, .filter, .here, button, .more, .files { display: none !important; }
  .cause, .test, .matrix tr, .ladder li { break-inside: avoid; } .cause .test::details-content { content-visibility: visible; height: auto; } section.chapter { content-visibility: visible; }
  .matrix { --first: minmax(11rem, 1fr); --w: minmax(2.4rem, 4.6rem); }
  ${STACKED}
  .heads { position: static; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
