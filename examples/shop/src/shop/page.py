"""The page. Its colour tells the version; its dots tell which version answers right now."""

from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop {version}</title>
<style>
  :root {{ color-scheme: light dark; --ground: #f7f6f3; --text: #26292c; --quiet: #6b7075; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ground: #17191b; --text: #e8e6e3; --quiet: #9aa0a6; }}
  }}
  * {{ box-sizing: border-box; margin: 0; }}
  body {{ min-height: 100vh; display: grid; place-items: center; padding: 2rem;
         background: var(--ground); color: var(--text); font: 1rem/1.6 system-ui, sans-serif; }}
  main {{ width: min(34rem, 100%); }}
  header {{ background: {colour}; color: #fff; border-radius: .75rem; padding: 2.5rem 2rem; }}
  h1 {{ font-size: 2.5rem; font-weight: 600; line-height: 1.1; }}
  ul {{ list-style: none; padding: 1.5rem 0; }}
  li {{ display: flex; justify-content: space-between; padding: .5rem 0;
       border-bottom: 1px solid color-mix(in srgb, var(--quiet) 25%, transparent); }}
  #dots {{ display: flex; flex-wrap: wrap; gap: .35rem; min-height: 3rem; }}
  #dots i {{ width: .8rem; height: .8rem; border-radius: 50%; border: 2px solid transparent; }}
  p {{ color: var(--quiet); font-size: .875rem; margin-top: .75rem; }}
</style>
<main>
  <header><h1>Shop</h1>{version}</header>
  <ul>{products}</ul>
  <div id="dots" role="img" aria-label="The version that answered each of the last requests"></div>
  <p>Each dot is one request in the colour of the version that answered; a ring is a failure.</p>
</main>
<script>
  const dots = document.getElementById("dots");
  async function ask() {{
    const dot = document.createElement("i");
    try {{
      const answer = await fetch("/api/products", {{ cache: "no-store" }});
      if (!answer.ok) throw new Error(answer.status);
      const {{ version, colour }} = await answer.json();
      dot.style.background = colour;
      dot.title = version;
    }} catch (failure) {{
      dot.style.borderColor = "#c0392b";
      dot.title = failure.message;
    }}
    dots.append(dot);
    if (dots.childElementCount > 60) dots.firstChild.remove();
    setTimeout(ask, 500);
  }}
  ask();
</script>
"""


def render(version, colour, products):
    """The page as text."""
    items = "".join(
        f"<li><span>{escape(product['name'])}</span><span>{product['price']:.2f}</span></li>"
        for product in products
    )
    return _PAGE.format(version=escape(version), colour=escape(colour), products=items)
