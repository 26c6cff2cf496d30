"""Make the page that `dvc plots show` fills, with Vega inside it, and point DVC at it.

DVC's own page loads Vega from the internet; this one works without. `make setup` calls it. The page is
not committed, and neither is the setting, in .dvc/config.local: a clone without set-up keeps DVC's page.
"""

import subprocess
import sys
from pathlib import Path

import vl_convert

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.base.files import write_whole

PAGE = Path(".dvc/tmp/plots_page.html")  # relative to .dvc/ in the setting

# What the bundle does by default, which its signature does not let one ask for.
SNIPPET = "window.vegaEmbed = vegaEmbed; window.vegaLite = vegaLite; window.vega = vega;"

HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
{refresh_tag}
<title>Plots of the study</title>
<script>%s</script>
<style>
  body { font-family: system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; }
  body > div { margin-bottom: 2.5rem; overflow-x: auto; }
  img { max-width: 100%%; }
</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    # "</script" inside the bundle would end the element that holds it.
    bundle = vl_convert.javascript_bundle(SNIPPET).replace("</script", "<\\/script")
    setting = ["config", "--local", "plots.html_template", PAGE.relative_to(".dvc").as_posix()]
    subprocess.run([sys.executable, "-m", "dvc", *setting], check=True)
    write_whole(PAGE, (HTML % bundle).encode())  # last: make takes the page for a sign that all is done


if __name__ == "__main__":
    main()
