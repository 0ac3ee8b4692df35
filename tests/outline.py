"""What a page is made of, as a parser sees it."""

from html.parser import HTMLParser


class Outline(HTMLParser):
    """Tags, what they load, where they lead, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.loads, self.links, self.ids, self.bare = [], [], [], [], []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        loads = [value for name, value in attrs if name in ("src", "href", "srcset")]
        (self.links if tag == "a" else self.loads).extend(loads)
        self.ids += [found["id"]] if "id" in found else []
        named = {"img": "alt", "svg": "aria-label", "th": "scope", "nav": "aria-label"}
        if tag in named and not found.get(named[tag]) and "aria-hidden" not in found:
            self.bare.append(tag)

    def handle_data(self, data):
        self.text += data

    def said(self):
        return " ".join(self.text.split())
