#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The report's page in a browser: no error, no broken link, nothing from elsewhere, its pictures drawn, fit for a narrow screen
# and for paper.
B=${B:-build}
here=$(cd "$(dirname "$0")" && pwd)
N=$B/bin/normative
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
bad=0
complain() { echo "$*"; bad=1; }

"$N" check reference optimized f32-one-pass --family 'mean1e*' --direction forward --json "$T/r.jsonl" >/dev/null 2>&1
"$N" found --cases "$T/probes" && mkdir "$T/found" || complain "no probes"
"$N" check onednn --input "$T/probes/y" --output y --require f64-two-pass --json "$T/found/y.jsonl" >/dev/null 2>&1
"$N" found --reproducers "$T/found" "$T/found/y.jsonl" >"$T/said" || complain "no reproducers"
"$N" report --out "$T/page" --found "$T/found" "$T/r.jsonl" >/dev/null || complain "no page"
page=$T/page/index.html

# Without a browser: every id once, every link to one that is there, no other address, every tag closed.
cat >"$T/read.py" <<'END'
import collections, html.parser, sys
VOID = {"meta", "br", "path", "circle", "use", "rect", "line", "hr", "img", "input", "link"}
class Page(html.parser.HTMLParser):
    ids, links, open, svg = collections.Counter(), [], [], 0
    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if "id" in a: self.ids[a["id"]] += 1
        if tag in ("script", "link", "img", "iframe"): sys.exit(f"<{tag}> on the page")
        for key in ("href", "xlink:href", "src"):
            if key in a: self.links.append(a[key])
        self.svg += tag == "svg" and "viewbox" in a
        if tag not in VOID: self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID: self.open.pop()
    def handle_endtag(self, tag):
        if tag in VOID: return
        if not self.open or self.open.pop() != tag: sys.exit(f"</{tag}> closes nothing, line {self.getpos()[0]}")
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
if page.open: sys.exit(f"not closed: {page.open}")
for name, count in page.ids.items():
    if count > 1: sys.exit(f"id {name} {count} times")
for link in page.links:
    if not link.startswith("#") or link[1:] not in page.ids: sys.exit(f"broken link {link}")
if page.svg < 4: sys.exit(f"only {page.svg} pictures")
print(len(page.links), "links,", page.svg, "pictures")
END
python3 "$T/read.py" "$page" || bad=1
grep -qE 'url\(|@import' "$page" && complain "the style asks for another file"
# What must be refused: a link without its target, an id twice.
for change in 's/id="worst"/id="wrost"/' 's/id="worst"/id="error"/'; do
  sed "$change" "$page" >"$T/broken.html"
  python3 "$T/read.py" "$T/broken.html" >/dev/null 2>&1 && complain "not noticed: $change"
done

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ]; then
  [ $bad = 0 ] && echo "skipped: no chromium; the page was only read"
  exit $bad
fi
# chrome OPTION... PAGE: headless; its standard error to $T/log
chrome() { timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$T/profile" --allow-file-access-from-files \
  --enable-logging=stderr "$@" 2>"$T/log"; }
# A page that looks at ours in a frame as wide as asked for, and writes down what it saw.
look() {
  cat >"$T/look.html" <<END
<iframe src="page/index.html" width="$1" height="800"></iframe><pre></pre><script>
onload = async () => {
  const page = document.querySelector("iframe").contentDocument, all = s => [...page.querySelectorAll(s)];
  const drawn = all(".panels svg").filter(s => s.closest("details:not([open])") || s.getBoundingClientRect().width > 200);
  const link = all(".matrix small a").find(a => page.getElementById(a.hash.slice(1)).closest("details:not([open])"));
  link.click();
  await new Promise(done => setTimeout(done, 500));
  const text = [page.documentElement.scrollWidth <= page.documentElement.clientWidth ? "fits" : "TOO WIDE",
    all("a[href^='#']").filter(a => !page.getElementById(a.hash.slice(1))).length + " broken",
    page.getElementById(link.hash.slice(1)).closest("details:not([open])") ? "NOT OPENED" : "opened",
    all(".panels svg").length > 2 && drawn.length == all(".panels svg").length ? "drawn" : "NOT DRAWN"];
  document.querySelector("pre").textContent = "saw: " + text.join(", ");
};
</script>
END
  chrome --dump-dom --virtual-time-budget=5000 "file://$T/look.html" | sed -n 's/.*<pre>\(saw: [^<]*\).*/\1/p'
}
for width in 1200 300; do # the matrix is wider than 300
  saw=$(look $width)
  [ "$saw" = "saw: fits, 0 broken, opened, drawn" ] || complain "at $width pixels: ${saw:-nothing}"
  grep -E 'CONSOLE|Uncaught' "$T/log" && complain "the browser's console has errors"
done
chrome --print-to-pdf="$T/page.pdf" "file://$page" >/dev/null
[ "$(head -c 5 "$T/page.pdf" 2>/dev/null)" = "%PDF-" ] || complain "it cannot be printed"
[ $bad = 0 ] && echo "all as expected"
exit $bad
