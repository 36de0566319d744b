/// The style of the page. Every pair of text and ground has a contrast of at least 4.5 in both themes (WCAG AA).
enum PageStyle {
    /// SHA-256 of `text` in base64; a test holds them together.
    static let hash = "xtWYPaGQysdjpWkczIxekIkwSMJFjkK/Ut2Zp6RpG7g="

    static let text = colours + layout + tables + pictures + PictureStyle.text

    private static let colours = """

        :root {
          --ground: #fafaf8; --card: #ffffff; --text: #1d2126; --quiet: #59626d; --line: #dfe2e6; --faint: #f1f2f3;
          --accent: #1f5bb5; --pass: #17663a; --pass-ground: #e3f2e9; --fail: #ab2218; --fail-ground: #fce9e7;
          --warn: #764b00; --warn-ground: #fbeed2; --idle: #4e5862; --idle-ground: #eaecee; --band: #eebf5038; --band-edge: #a86c0a;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #131619; --card: #1a1e22; --text: #e4e7ea; --quiet: #a2abb5; --line: #2f363d; --faint: #22272c;
            --accent: #86b4ff; --pass: #86d8a8; --pass-ground: #17342a; --fail: #ffa198; --fail-ground: #43211e;
            --warn: #f0c46c; --warn-ground: #3b2f14; --idle: #b3bcc5; --idle-ground: #2b3238; --band: #b9892a2b; --band-edge: #d9a23f;
          }
        }

        """

    private static let layout = """
        *, *::before, *::after { box-sizing: border-box; }
        [hidden] { display: none !important; }
        html { -webkit-text-size-adjust: 100%; }
        body {
          margin: 0; background: var(--ground); color: var(--text);
          font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
        }
        header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
        header { padding-top: 40px; }
        footer { padding-top: 8px; padding-bottom: 40px; color: var(--quiet); font-size: 13px; }
        h1 { font-size: 30px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; margin: 2px 0 14px; overflow-wrap: anywhere; }
        h2 { font-size: 19px; line-height: 1.3; font-weight: 620; letter-spacing: -0.01em; margin: 0; overflow-wrap: anywhere; }
        h3 { font-size: 15px; font-weight: 620; margin: 30px 0 8px; }
        h4 { font-size: 15px; font-weight: 600; margin: 0; display: flex; gap: 10px; align-items: baseline; overflow-wrap: anywhere; }
        p { margin: 0 0 10px; }
        a { color: var(--accent); text-decoration: none; }
        a:hover { text-decoration: underline; }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
        code, pre, .cell, .event, .fields { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 12.5px; }
        code { overflow-wrap: anywhere; }
        mark { background: var(--warn-ground); color: var(--warn); border-radius: 3px; padding: 0 3px; }
        .eyebrow, .note { color: var(--quiet); font-size: 13px; }
        .note { margin-bottom: 8px; font-weight: 400; }
        .counts { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 0 0 12px; font-size: 16px; }
        .count b { font-size: 20px; font-weight: 650; font-variant-numeric: tabular-nums; }
        .count.pass { color: var(--pass); } .count.fail { color: var(--fail); }
        .count.flaky, .count.unproven, .count.blocked { color: var(--warn); } .count.skipped, .count.quarantined { color: var(--idle); }
        .bar { display: block; width: 100%; height: 8px; border-radius: 4px; overflow: hidden; }
        main > section { margin-top: 36px; }
        main > section > h2 { margin-bottom: 12px; }
        .badge {
          display: inline-block; min-width: 62px; padding: 1px 9px; border-radius: 5px; text-align: center; white-space: nowrap;
          font-size: 12px; line-height: 20px; font-weight: 620; background: var(--idle-ground); color: var(--idle);
        }
        .badge.pass { background: var(--pass-ground); color: var(--pass); }
        .badge.fail { background: var(--fail-ground); color: var(--fail); }
        .badge.flaky, .badge.unproven, .badge.blocked { background: var(--warn-ground); color: var(--warn); }
        .filter { display: flex; flex-wrap: wrap; gap: 6px; margin-bottom: 12px; }
        .filter button {
          font: inherit; font-size: 13px; line-height: 1; padding: 8px 12px; border: 1px solid var(--line); border-radius: 16px;
          background: var(--card); color: var(--text); cursor: pointer;
        }
        .filter button span { color: var(--quiet); font-variant-numeric: tabular-nums; margin-left: 3px; }
        .filter button[aria-pressed="true"] { border-color: var(--accent); color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
        .case { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin-bottom: 12px; padding: 0 22px; }
        .case[open] { padding-bottom: 22px; }
        .case > summary { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; padding: 14px 0; list-style: none; cursor: pointer; }
        .case > summary::-webkit-details-marker { display: none; }
        .case > summary h2 { font-size: 16px; }
        .case[open] > summary h2 { font-size: 19px; }
        .case > summary::after { content: "▸"; margin-left: auto; color: var(--quiet); }
        .case[open] > summary::after { content: "▾"; }
        .cell { color: var(--quiet); overflow-wrap: anywhere; }
        .about { max-width: 72ch; }
        .facts { display: flex; flex-wrap: wrap; gap: 10px 36px; margin: 14px 0 0; }
        .fact.broad { flex-basis: 100%; display: flex; gap: 12px; } .fact.broad + .fact.broad { margin-top: -8px; } .fact.broad dt { width: 60px; line-height: 24px; }
        .facts dt { color: var(--quiet); font-size: 12px; }
        .facts dd { margin: 0; overflow-wrap: anywhere; }
        .finding { border: 1px solid var(--line); border-left: 3px solid var(--warn); border-radius: 6px; padding: 14px 18px; margin-bottom: 12px; }
        .finding.fail { border-left-color: var(--fail); }
        .finding > .note { margin: 4px 0 12px; }
        .finding dl { display: grid; grid-template-columns: 84px minmax(0, 1fr); gap: 8px 12px; margin: 0; }
        .finding dt { color: var(--quiet); }
        .finding dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
        details:not(.case) { border-top: 1px solid var(--line); padding: 7px 0; }
        details:not(.case) > summary { cursor: pointer; padding: 2px 0; }
        details:not(.case)[open] > summary { margin-bottom: 8px; }
        details > summary .note { margin-left: 6px; }
        @media (max-width: 640px) {
          header, main, footer { padding-left: 16px; padding-right: 16px; }
          header { padding-top: 24px; }
          h1 { font-size: 25px; }
          .case { padding: 0 14px; border-radius: 8px; }
          .wide { display: none; }
          .finding { padding: 12px; }
          .finding dl { grid-template-columns: minmax(0, 1fr); gap: 2px; }
          .finding dd { margin-bottom: 8px; }
          .facts { gap: 10px 24px; }
        }

        """

    private static let tables = """
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; vertical-align: top; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); }
        th:last-child, td:last-child { padding-right: 0; }
        tbody tr:last-child td { border-bottom: 0; }
        th, th.event, th.fields, th.why { font-family: inherit; font-size: 12px; font-weight: 500; color: var(--quiet); white-space: nowrap; }
        .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
        .cases td { padding-top: 9px; padding-bottom: 9px; }
        .cases th:first-child { width: 98px; }
        .what a { font-weight: 550; overflow-wrap: anywhere; }
        .what .cell { margin-left: 10px; }
        .remark { display: block; color: var(--quiet); font-size: 13px; overflow-wrap: anywhere; }
        .scroll { overflow-x: auto; }
        .scroll td { font-size: 13px; }
        .required { min-width: 180px; } .measured { min-width: 170px; } .near { min-width: 130px; } .verdict { width: 90px; }
        .event { white-space: nowrap; }
        .fields { min-width: 260px; overflow-wrap: anywhere; color: var(--text); }
        .key { color: var(--quiet); }
        .why { color: var(--warn); min-width: 110px; }
        pre { margin: 0; padding: 10px 12px; background: var(--faint); border-radius: 5px; line-height: 1.5; }
        @media (max-width: 640px) {
          .what .cell { display: block; margin-left: 0; }
          .cases th:first-child { width: 84px; }
          th, td { padding-right: 10px; }
        }

        """

    private static let pictures = """
        svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; fill: var(--text); }
        .fill-pass { fill: var(--pass); } .fill-fail { fill: var(--fail); } .fill-skipped, .fill-quarantined { fill: var(--idle); }
        .fill-flaky, .fill-unproven, .fill-blocked { fill: var(--warn); }
        .diagram { border: 1px solid var(--line); border-radius: 6px; background: var(--card); margin-bottom: 10px; }
        .sequence { display: block; }
        .sequence .life { stroke: var(--line); stroke-width: 1.5; }
        .sequence rect.lane { fill: var(--faint); stroke: var(--line); }
        .sequence text.lane { font-weight: 600; }
        .sequence .time { fill: var(--quiet); font-size: 11px; font-variant-numeric: tabular-nums; }
        .sequence .gap { fill: var(--quiet); font-style: italic; font-size: 11px; }
        .sequence line.phase { stroke: var(--line); stroke-dasharray: 2 4; }
        .sequence text.phase { fill: var(--quiet); font-size: 11px; font-weight: 600; }
        .sequence .label { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
        .sequence .quiet { fill: var(--quiet); font-size: 11px; }
        .sequence .dot { fill: var(--quiet); }
        .sequence .arrow { stroke: var(--quiet); stroke-width: 1.2; } .sequence .head { fill: var(--quiet); }
        .sequence .tail { fill: var(--card); stroke: var(--quiet); stroke-width: 1.2; }
        .sequence .step .dot { fill: var(--accent); }
        .sequence .claimed .dot { fill: var(--pass); }
        .sequence .nearest .dot { fill: var(--warn); } .sequence .nearest .label { fill: var(--warn); }
        .sequence .fault .dot { fill: var(--band-edge); }
        .sequence .band { fill: var(--band); } .sequence .band-edge { fill: var(--band-edge); }
        .sequence rect.failure { fill: var(--fail-ground); }
        .sequence .failure .dot { fill: var(--fail); }
        .sequence .failure .label { fill: var(--fail); font-weight: 600; stroke: var(--fail-ground); }
        .sequence .failure .quiet { fill: var(--fail); }
        .legend.claimed { color: var(--pass); } .legend.nearest { color: var(--warn); } .legend.fault { color: var(--band-edge); } .legend.failure { color: var(--fail); }
        @media print { .filter { display: none; } .case { break-inside: avoid-page; } }

        """
}
