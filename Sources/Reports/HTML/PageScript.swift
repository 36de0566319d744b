/// The script of the page: filters by verdict, opens the case that a link leads to.
enum PageScript {
    /// SHA-256 of `text` in base64; a test holds them together.
    static let hash = "RNZUUumREibEgvL+w+S+1SheSzXiJpLPwA3tQNxhCTI="

    static let text = """

        (function () {
          "use strict";
          var bar = document.querySelector(".filter");
          if (bar) {
            bar.hidden = false;
            bar.addEventListener("click", function (event) {
              var button = event.target.closest("button");
              if (!button) { return; }
              var wanted = button.dataset.filter;
              bar.querySelectorAll("button").forEach(function (other) {
                other.setAttribute("aria-pressed", String(other === button));
              });
              document.querySelectorAll("[data-verdict]").forEach(function (item) {
                item.hidden = wanted !== "" && item.dataset.verdict !== wanted;
              });
            });
          }
          function open() {
            var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
            if (target && target.tagName === "DETAILS") {
              target.hidden = false;
              target.open = true;
              target.scrollIntoView();
            }
          }
          window.addEventListener("hashchange", open);
          open();
        })();

        """
}
