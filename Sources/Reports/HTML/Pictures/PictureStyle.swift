/// The style of the pictures of loads. Colours are variables, so that both themes share every rule.
enum PictureStyle {
    static let text = colours + kit + marks + card

    private static let colours = """

        :root {
          --heat-1: #d3e2f6; --heat-2: #a6c4ec; --heat-3: #74a3df; --heat-4: #457ecc; --heat-5: #265dae; --heat-6: #103b7c;
          --late: #c07800; --refused: #8453b5; --lost: #b3261a; --online: #a9d2b7; --grid: #e3e6e9;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --heat-1: #1f3552; --heat-2: #29507f; --heat-3: #376fae; --heat-4: #5c95dd; --heat-5: #93bcf2; --heat-6: #d6e6ff;
            --late: #d99a2b; --refused: #b48be0; --lost: #ff7f73; --online: #2c6047; --grid: #2c3238;
          }
        }

        """

    private static let kit = """
        .picture { margin: 18px 0 26px; }
        .picture figcaption h4 { margin-bottom: 2px; }
        .picture figcaption .note { max-width: 86ch; margin-bottom: 10px; }
        .plot { display: block; overflow: visible; }
        .plot.axis { padding-left: 66px; padding-right: 10px; }
        .plot path { fill: none; vector-effect: non-scaling-stroke; }
        .plot .cells path { vector-effect: none; stroke-width: 1.02; shape-rendering: crispEdges; }
        .plot text { paint-order: stroke; stroke: var(--card); stroke-width: 3.5px; stroke-linejoin: round; font-variant-numeric: tabular-nums; }
        .plot .grid { stroke: var(--grid); stroke-width: 1; shape-rendering: crispEdges; }
        .plot .tick-label { fill: var(--quiet); font-size: 11.5px; }
        .plot .figure { font-weight: 600; }
        .keys { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 6px 0 0; padding: 0; color: var(--quiet); font-size: 12.5px; }
        .keys li { display: flex; align-items: center; gap: 6px; }
        .ribbon {
          margin: 10px 0 8px; padding: 5px 12px; border-radius: 5px; background: var(--idle-ground); color: var(--idle);
          font-size: 12px; line-height: 18px; font-variant-numeric: tabular-nums;
        }
        .ribbon.void { background: var(--warn-ground); color: var(--warn); border: 1px dashed var(--warn); }
        .gate { margin: 14px 0 0; }
        tbody tr:last-child th { border-bottom: 0; }
        .narrow { display: none; }
        .picture details > summary { font-size: 13px; }
        .data { width: auto; min-width: 46%; } .data th, .data td { padding-right: 20px; }
        .data th:last-child, .data td:last-child { padding-right: 0; }
        .panel { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 4px 22px; margin-bottom: 12px; }
        .word { white-space: nowrap; } .long { min-width: 150px; }
        .data caption, .card caption { text-align: left; color: var(--quiet); font-size: 12px; padding: 4px 0 2px; }
        .data th[scope="row"], .card th[scope="row"] { font-size: 13px; font-weight: 400; color: var(--text); text-align: left; white-space: nowrap; }
        .data td { font-size: 13px; } .data th, .data td { padding-top: 3px; padding-bottom: 3px; }
        .figures { margin-bottom: 8px; gap: 8px 24px; } .figures dd { font-size: 16px; font-variant-numeric: tabular-nums; } .figures dd.bad { color: var(--fail); font-weight: 600; }
        .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 40px; }
        .pair h5 { margin: 0 0 2px; font-size: 13px; font-weight: 500; }
        @media (max-width: 640px) {
          .pair { grid-template-columns: minmax(0, 1fr); }
          .plot.axis { padding-left: 58px; padding-right: 4px; }
          .keys { gap: 4px 12px; }
          .panel { padding: 4px 14px; }
          .data th, .data td { padding-right: 14px; }
          .narrow { display: inline; } ul.narrow { display: flex; }
        }

        """

    private static let marks = """
        .plot .response { stroke: var(--accent); stroke-width: 2.4; stroke-linejoin: round; } .plot .response-dot { fill: var(--accent); }
        .plot .service { stroke: var(--quiet); stroke-width: 1.8; stroke-dasharray: 6 4; }
        .plot .hatch { stroke: var(--quiet); stroke-width: 1.4; stroke-opacity: .55; } .plot .floor { stroke: none; }
        .plot .limit { stroke: var(--fail); stroke-width: 1.3; stroke-dasharray: 2 3; } .plot .limit-mark { stroke: var(--fail); stroke-width: 2.4; }
        .plot .limit-label, .plot .gone-label { fill: var(--fail); font-size: 11.5px; }
        .plot .gone { stroke: var(--fail); stroke-width: 4; }
        .plot .map-ground { fill: var(--faint); }
        .plot .plan-line { stroke: var(--text); stroke-width: 1.4; } .plot .plan-area { fill: var(--faint); stroke: none; }
        .plot .heat-1 { stroke: var(--heat-1); } .plot .heat-2 { stroke: var(--heat-2); } .plot .heat-3 { stroke: var(--heat-3); }
        .plot .heat-4 { stroke: var(--heat-4); } .plot .heat-5 { stroke: var(--heat-5); } .plot .heat-6 { stroke: var(--heat-6); }
        .plot .heat-box-1 { fill: var(--heat-1); } .plot .heat-box-2 { fill: var(--heat-2); } .plot .heat-box-3 { fill: var(--heat-3); }
        .plot .heat-box-4 { fill: var(--heat-4); } .plot .heat-box-5 { fill: var(--heat-5); } .plot .heat-box-6 { fill: var(--heat-6); }
        .plot path.gone-1, .plot path.gone-2, .plot path.gone-3 { stroke: var(--lost); } .plot path.gone-1 { stroke-opacity: .45; } .plot path.gone-2 { stroke-opacity: .7; }
        .plot rect.gone-3 { fill: var(--lost); }
        .plot .band { fill: var(--band); } .plot .number-tag { fill: var(--text); font-size: 11px; font-weight: 600; } .plot .fault { fill: var(--band-edge); } .plot .fault-open { stroke: var(--band-edge); stroke-width: 1.5; stroke-dasharray: 2 4; }
        .plot .outage { fill: var(--lost); } .plot .outage-shade { fill: var(--lost); fill-opacity: .07; }
        .plot .warmup { fill: var(--ground); fill-opacity: .6; } .plot .warmup-edge { stroke: var(--quiet); stroke-dasharray: 3 3; }
        .plot .hop { fill: var(--heat-3); } .plot .hop.longest { fill: var(--heat-5); } .plot .drop { stroke: var(--line); }
        .plot .hop-label { font-size: 12px; }
        .plot .cell-1 { stroke: var(--faint); } .plot .cell-2 { stroke: var(--online); } .plot .cell-3 { stroke: var(--late); }
        .plot .cell-4 { stroke: var(--refused); } .plot .cell-5 { stroke: var(--lost); }
        .plot .cell-box-1 { fill: var(--faint); } .plot .cell-box-2 { fill: var(--online); } .plot .cell-box-3 { fill: var(--late); }
        .plot .cell-box-4 { fill: var(--refused); } .plot .cell-box-5 { fill: var(--lost); }
        .sign rect { stroke: var(--line); }
        .plot .delta { fill: var(--idle-ground); } .plot .one { stroke: var(--quiet); stroke-width: 1.2; }
        .plot .row-label { font-weight: 600; } .plot .row-figure { fill: var(--quiet); } .plot .apart { stroke: var(--line); } .plot .outcome { font-weight: 600; }
        .plot .whisker { stroke-width: 2; stroke: var(--idle); } .plot .ratio, .plot .mark { fill: var(--idle); }
        .plot line.good { stroke: var(--pass); } .plot circle.good, .plot text.good { fill: var(--pass); }
        .plot line.bad { stroke: var(--fail); } .plot circle.bad, .plot text.bad { fill: var(--fail); }
        .plot line.unsure { stroke: var(--warn); } .plot circle.unsure, .plot text.unsure { fill: var(--warn); }
        .plot line.idle { stroke: var(--idle); } .plot circle.idle, .plot text.idle { fill: var(--idle); }
        .plot line.void { stroke: var(--idle); stroke-dasharray: 3 3; } .plot circle.void { fill: var(--card); stroke: var(--idle); stroke-width: 1.6; stroke-dasharray: 2.5 2; }
        .plot text.void { fill: var(--idle); }
        .plot .trail { stroke: var(--line); stroke-width: 1.4; } .plot .point { fill: var(--accent); }
        .plot .level { stroke: var(--accent); stroke-width: 2.4; stroke-opacity: .55; }
        .plot .change { stroke: var(--text); stroke-width: 1.4; } .plot .change.open { stroke-dasharray: 3 3; }
        .plot .change-label { font-size: 11.5px; font-weight: 600; } .plot .change.worse { stroke: var(--fail); } .plot .change.better { stroke: var(--pass); }
        .plot .change-label.worse { fill: var(--fail); } .plot .change-label.better { fill: var(--pass); }
        .plot .burn { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 4 4; } .plot .burn-label { fill: var(--quiet); font-size: 11.5px; }

        """

    private static let card = """
        .card { table-layout: fixed; margin: 6px 0; }
        .card thead th:nth-child(1) { width: 108px; } .card thead th:nth-child(3) { width: 27%; } .card thead th:nth-child(4) { width: 200px; } .card thead th:nth-child(5) { width: 96px; }
        .card td, .card th { padding-top: 9px; padding-bottom: 9px; }
        .card th[scope="row"] { white-space: normal; overflow-wrap: anywhere; }
        .card thead th { vertical-align: bottom; white-space: normal; }
        .card-axis { display: flex; justify-content: space-between; } .card-axis i { font-style: normal; font-size: 11px; }
        .card .measured { font-variant-numeric: tabular-nums; font-weight: 550; overflow-wrap: anywhere; } .card .remark { font-weight: 400; }
        .interval { color: var(--quiet); font-weight: 400; }
        .missing { display: block; color: var(--warn); font-size: 12px; white-space: normal; }
        .unit { display: none; }
        .badge.void { background: transparent; color: var(--warn); outline: 1px dashed var(--warn); outline-offset: -1px; }
        .card tr.void .measured { color: var(--quiet); font-style: italic; }
        .gauge .good-side { fill: var(--pass-ground); } .gauge .rail { stroke: var(--line); } .gauge .limit-tick { stroke: var(--text); stroke-width: 1.8; }
        .gauge .sample { fill: var(--accent); fill-opacity: .8; } .gauge .sample.crowd { fill-opacity: .4; } .gauge .sample.bad { fill: var(--fail); fill-opacity: .7; }
        .gauge .whisker { stroke-width: 3; stroke-opacity: .55; } .gauge .whisker.open { stroke-dasharray: 5 3; } .plot .beyond { font-size: 11.5px; font-weight: 600; }
        @media (max-width: 640px) {
          .card, .card tbody { display: block; } .card caption { display: block; }
          .card thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
          .card tr { display: grid; grid-template-columns: 96px minmax(0, 1fr) auto; gap: 4px 10px; padding: 12px 0; border-bottom: 1px solid var(--line); }
          .card td, .card th[scope="row"] { padding: 0; border: 0; }
          .card th[scope="row"] { grid-column: 2 / -1; } .card .measured { grid-column: 1 / 3; grid-row: 2; } .card .gauge { grid-column: 1 / -1; }
          .card .count-cell { grid-column: 3; grid-row: 2; color: var(--quiet); font-size: 12px; line-height: 22px; } .card .unit { display: inline; }
        }

        """
}
