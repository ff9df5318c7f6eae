"""heyoo on the node. It has no option for the base URL: its attributes are set after it was made. It has no errors of
its own either: what it gives back is the answer, and no call of it fails. It speaks v14.0 and v15.0.
"""

import hashlib
import hmac
import http.server
import json
import logging
import pathlib
import tempfile
import urllib.parse
import urllib.request

from heyoo import WhatsApp

from world import APP_SECRET, BASE, FILES, PHONE, TOKEN, VERIFY, WABA, Customer, Files, Table, serve, until

# It logs whatever is refused, and what is to be refused is in the table.
logging.disable(logging.ERROR)
table = Table("heyoo")
works = table.works
bruno = Customer("bruno")
links = serve(Files)
folder = pathlib.Path(tempfile.mkdtemp())
heard = []


class Hook(http.server.BaseHTTPRequestHandler):
    """A receiver: heyoo reads what comes, and knows nothing of signatures."""

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        right = query["hub.verify_token"] == [VERIFY]
        self.answer(200 if right else 403, query["hub.challenge"][0])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        wanted = "sha256=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        right = hmac.compare_digest(self.headers["X-Hub-Signature-256"], wanted)
        if right:
            heard.append(json.loads(body))
        self.answer(200 if right else 403, "")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass


def subscribe():
    """heyoo has no call for this."""
    said = {"override_callback_uri": serve(Hook) + "/hook", "verify_token": VERIFY}
    request = urllib.request.Request(
        f"{BASE}/v14.0/{WABA}/subscribed_apps",
        json.dumps(said).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    return urllib.request.urlopen(request).read()


wa = WhatsApp(TOKEN, phone_number_id=PHONE)
wa.base_url, wa.v15_base_url = f"{BASE}/v14.0", f"{BASE}/v15.0"
wa.url = f"{wa.base_url}/{PHONE}/messages"


def hears(what, look):
    """The first update for which heyoo finds something."""
    return until(what, lambda: next((it for it in map(look, list(heard)) if it), None))


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r} is not {wanted!r}")
    return got


def sent(answer):
    return answer["messages"][0]["id"]


works("webhook: handshake", subscribe)
bruno.send("have you oats?")
is_words = lambda it: wa.is_message(it) and wa.get_message(it) == "have you oats?" and it
first = works("webhook: text", lambda: hears("Bruno's words", is_words))
works("get_mobile", lambda: same(wa.get_mobile(first).isdigit(), True))
works("get_name", lambda: same(wa.get_name(first), "bruno"))
works("get_message_type", lambda: same(wa.get_message_type(first), "text"))
works("get_message_timestamp", lambda: same(wa.get_message_timestamp(first).isdigit(), True))
works("changed_field", lambda: same(wa.changed_field(first), "messages"))
to, mid = wa.get_mobile(first), wa.get_message_id(first)
works("mark_as_read", lambda: same(wa.mark_as_read(mid), {"success": True}))

works("send_message", lambda: sent(wa.send_message("we have", to)))
works("reply_to_message", lambda: sent(wa.reply_to_message(mid, to, "oats, yes")))
works("send_reaction", lambda: sent(wa.send_reaction("👍", mid, to)))
works("send_location", lambda: sent(wa.send_location(-23.55, -46.63, "The bakery", "Rua A, 7", to)))
works("send_image: link", lambda: sent(wa.send_image(f"{links}/image/png.png", to, caption="a picture")))
works("send_video: link", lambda: sent(wa.send_video(f"{links}/video/mp4.mp4", to, caption="a video")))
works("send_audio: link", lambda: sent(wa.send_audio(f"{links}/audio/mpeg.mp3", to)))
works("send_document: link", lambda: sent(wa.send_document(f"{links}/application/pdf.pdf", to, caption="the menu", filename="menu.pdf")))
works("send_sticker: link", lambda: sent(wa.send_sticker(f"{links}/image/webp.webp", to)))
person = {"name": {"formatted_name": "Ana Lima", "first_name": "Ana"}, "phones": [{"phone": "+551130000000", "type": "WORK"}]}
works("send_contacts", lambda: sent(wa.send_contacts([person], to)))
rows = [{"id": "oats", "title": "Oats", "description": "rolled"}, {"id": "rye", "title": "Rye"}]
menu = {"header": "Menu", "body": "What shall it be?", "footer": "till noon", "action": {"button": "Breads", "sections": [{"title": "All", "rows": rows}]}}
works("send_button: a list", lambda: sent(wa.send_button(menu, to)))
buttons = [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}, {"type": "reply", "reply": {"id": "no", "title": "No"}}]
works("send_reply_button", lambda: sent(wa.send_reply_button({"type": "button", "body": {"text": "Keep some?"}, "action": {"buttons": buttons}}, to)))
works("send_custom_json", lambda: sent(wa.send_custom_json({"messaging_product": "whatsapp", "type": "text", "text": {"body": "by hand"}}, to)))
template = {"name": "oats", "language": "en_US", "category": "UTILITY", "components": [{"type": "BODY", "text": "Hi {{1}}, it is ready.", "example": {"body_text": [["Ana"]]}}]}


def make_template():
    """heyoo sends templates, and makes none."""
    request = urllib.request.Request(f"{BASE}/v14.0/{WABA}/message_templates", json.dumps(template).encode(), {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
    return urllib.request.urlopen(request).read()


make_template()
body = [{"type": "body", "parameters": [{"type": "text", "text": "Bruno"}]}]
works("send_template", lambda: sent(wa.send_template("oats", to, components=body, lang="en_US")))

path = folder / "oats.png"
path.write_bytes(FILES["image/png"])
media = works("upload_media", lambda: wa.upload_media(str(path))["id"])
works("send_image: id", lambda: sent(wa.send_image(media, to, caption="by id", link=False)))
url = works("query_media_url", lambda: wa.query_media_url(media) or 1 / 0)
works("download_media", lambda: same(pathlib.Path(wa.download_media(url, "image/png", str(folder / "got"))).read_bytes(), FILES["image/png"]))
works("delete_media", lambda: same(wa.delete_media(media), {"success": True}))
works("query_media_url: deleted", lambda: same(wa.query_media_url(media), None))

rows = {}


def all_there():
    rows["all"] = bruno.read("--mark-read")
    return any((row["content"] or {}).get("caption") == "by id" for row in rows["all"])


works("the customer has the last message", lambda: until("the last message", all_there))
text = lambda words: any(row["text"] == words for row in rows["all"])
kinds = lambda kind, n: same(sum(row["kind"] == kind for row in rows["all"]), n)
works("texts → the customer's side", lambda: same([text(it) for it in ["we have", "oats, yes", "by hand"]], [True] * 3))
works("files → the customer's side", lambda: kinds("media", 7))
works("menus → the customer's side", lambda: kinds("menu", 3))
works("places → the customer's side", lambda: kinds("location", 1))
works("webhook: read", lambda: hears("read", lambda it: wa.get_delivery(it) == "read" if "statuses" in wa.preprocess(it) else None))

one = bruno.finds("the question", lambda row: row["kind"] == "menu" and row["content"]["body"] == "Keep some?")["id"]
bruno.run("choose", one, "Yes")
answer = lambda it: wa.get_interactive_response(it) if "messages" in wa.preprocess(it) else None
works("webhook: a button", lambda: same(hears("a button", answer), {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}))
bruno.send("--file", str(path), "--caption", "mine", "--original")
works("webhook: a picture", lambda: same(hears("a picture", lambda it: wa.get_image(it) if "messages" in wa.preprocess(it) else None)["caption"], "mine"))
image = hears("a picture", lambda it: wa.get_image(it) if "messages" in wa.preprocess(it) else None)
works("download_media: the customer's", lambda: same(pathlib.Path(wa.download_media(wa.query_media_url(image["id"]), "image/png", str(folder / "theirs"))).read_bytes(), FILES["image/png"]))
works("send_message: unknown", lambda: same(wa.send_message("hello?", "5511990000001")["error"]["code"], 131026))
works("send_template: unknown", lambda: same(wa.send_template("nothing", to, components=[])["error"]["code"], 132001))
