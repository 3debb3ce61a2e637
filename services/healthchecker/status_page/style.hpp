#pragma once

#include "services/healthchecker/status_page/html.hpp"

namespace concourse::healthchecker::status_page {

inline constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --ink: #1c2330; --faint: #667085; --rule: #e3e6eb;
  --line: #2f6fdb; --good: #16803c; --warn: #a15c00; --bad: #c5221f; }
@media (prefers-color-scheme: dark) { :root { --page: #12151b; --card: #1b2029; --ink: #e6e9ef; --faint: #98a2b3; --rule: #2c333f;
  --line: #6ea8fe; --good: #4cc38a; --warn: #f5b450; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem; margin-bottom: 1rem; }
h1 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: .8rem; letter-spacing: .05em; text-transform: uppercase; color: var(--faint); margin: 1.25rem 0 .5rem; }
ul, dl { margin: 0; padding: 0; list-style: none; }
.badge { border-radius: 1rem; padding: .1rem .75rem; font-weight: 600; color: var(--card); background: var(--faint); }
.badge.good { background: var(--good); } .badge.warn { background: var(--warn); } .badge.bad { background: var(--bad); }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .7rem .9rem; }
.problems { border-left: 4px solid var(--bad); margin-bottom: 1rem; overflow-wrap: anywhere; }
.problems.warn { border-left-color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem; }
@media (min-width: 44rem) { .tiles { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
.tiles .card { padding-bottom: .5rem; display: flex; flex-direction: column; }
.name, .more, .peak, footer { color: var(--faint); font-size: .8rem; }
.value { font-size: 1.5rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.more { overflow-wrap: anywhere; }
.graph { display: block; width: 100%; height: 40px; margin: auto 0 .1rem; padding-top: .3rem; box-sizing: content-box; border-bottom: 1px solid var(--rule); }
.graph .line { fill: none; stroke: var(--line); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round;
  vector-effect: non-scaling-stroke; }
.graph .area { fill: var(--line); opacity: .13; }
.list > li { padding: .5rem 0; border-top: 1px solid var(--rule); overflow-wrap: anywhere; }
.list > li:first-child { border-top: 0; padding-top: 0; } .list > li:last-child { padding-bottom: 0; }
.dot { display: inline-block; width: .65rem; height: .65rem; border-radius: 50%; margin-right: .5rem; background: var(--faint); }
.dot.good { background: var(--good); } .dot.warn { background: var(--warn); } .dot.bad { background: var(--bad); }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem; }
.head b { min-width: 8.5rem; } .head .more { margin-left: auto; }
@media (max-width: 40rem) { .head .more { margin-left: 1.15rem; width: 100%; } }
.detail { padding-left: 1.15rem; color: var(--faint); }
.detail.bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; overflow-wrap: anywhere; }
dt { color: var(--faint); } dd { margin: 0; }
footer { margin: 1.25rem 0 .5rem; }
)";

}  // namespace concourse::healthchecker::status_page
