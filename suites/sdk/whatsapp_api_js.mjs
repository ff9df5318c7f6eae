// whatsapp-api-js on the node: the base URL is changed in the `fetch` that it lets one give, and nothing else.
import { WhatsAppAPI } from "whatsapp-api-js";
import {
  ActionButtons, ActionCTA, ActionFlow, ActionList, ActionLocation, Audio, Body, BodyComponent, BodyParameter, Button, Contacts,
  Document, Footer, Header, Image, Interactive, Language, ListSection, Location, Name, Phone, Reaction, Row, Sticker,
  Template, Text, Video,
} from "whatsapp-api-js/messages";
import { APP_SECRET, BASE, Customer, PHONE, PNG, TOKEN, Table, VERIFY, WABA, same, serve, subscribe, until } from "./world.mjs";

const table = new Table("whatsapp-api-js");
const works = table.works.bind(table);
const clara = new Customer("clara");
const here = (url, options) => fetch(String(url).replace("https://graph.facebook.com", BASE), options);
const wa = new WhatsAppAPI({ token: TOKEN, appSecret: APP_SECRET, webhookVerifyToken: VERIFY, v: "v23.0", ponyfill: { fetch: here } });
const heard = { message: [], status: [] };
wa.on.message = (it) => void heard.message.push(it);
wa.on.status = (it) => void heard.status.push(it);
const hears = (what, kind, look) => until(what, () => heard[kind].find(look));

const hook = await serve(async (request, body) => {
  if (request.method === "GET") {
    const query = new URL(request.url, "http://hook").searchParams;
    return { body: wa.get(Object.fromEntries(query)) };
  }
  const raw = body.toString("utf8");
  const { field } = JSON.parse(raw).entry[0].changes[0];
  // It reads these of messages only: it looks for the number's id in every value, and notices of the account have none.
  if (field !== "messages") return {};
  await wa.post(JSON.parse(raw), raw, request.headers["x-hub-signature-256"]);
  return {};
});
const files = await serve((request) => {
  const kind = request.url.slice(1).split(".")[0];
  const bodies = { "image/png": PNG, "video/mp4": Buffer.from("\0\0\0\x18ftypmp42"), "audio/mpeg": Buffer.from("ID3\x04 sound"),
    "application/pdf": Buffer.from("%PDF-1.4 menu"), "image/webp": Buffer.from("RIFF    WEBPVP8 ") };
  return { kind, body: bodies[kind] };
});

await works("webhook: handshake", () => subscribe(`${hook}/hook`));
await clara.send("açaí? 🍇");
const first = await works("webhook: text, signature over what is not ASCII", () => hears("Clara's words", "message", (it) => it.message.text?.body === "açaí? 🍇"));
const to = first.from;
const sent = (call, message, context, opaque) => works(call, async () => {
  const answer = await wa.sendMessage(PHONE, to, message, context, opaque);
  if (answer.error) throw new Error(JSON.stringify(answer.error));
  return answer.messages[0].id;
});
await works("contact: a name, digits and a user id", () => same([first.name, first.contact.user_id], ["clara", `ZZ.${to}`]));
await works("received: read and typing", async () => same(await first.received("text"), { success: true }));
await works("reply: quoted", async () => (await first.reply(new Text("yes"), true)).messages[0].id);
const text = await sent("Text", new Text("see https://bakery.example/acai", true), undefined, "o-1");
await works("Text: to a user id", async () => same((await wa.sendMessage(PHONE, { bsuid: `ZZ.${to}` }, new Text("by id"))).contacts[0].user_id, `ZZ.${to}`));
await sent("Reaction", new Reaction(first.message.id, "💜"));
await sent("Image: link", new Image(`${files}/image/png.png`, false, "a picture"));
await sent("Video: link", new Video(`${files}/video/mp4.mp4`, false, "a video"));
await sent("Audio: link", new Audio(`${files}/audio/mpeg.mp3`));
await sent("Document: link", new Document(`${files}/application/pdf.pdf`, false, "the menu", "menu.pdf"));
await sent("Sticker: link", new Sticker(`${files}/image/webp.webp`));
await sent("Location", new Location(-46.63, -23.55, "The bakery", "Rua A, 7"));
await sent("Contacts", new Contacts([new Name("Ana Lima", "Ana"), new Phone("+551130000000", "WORK")]));
const question = await sent("Interactive: buttons", new Interactive(new ActionButtons(new Button("yes", "Yes"), new Button("no", "No")), new Body("Keep some?"), new Header("Açaí"), new Footer("till noon")));
await sent("Interactive: list", new Interactive(new ActionList("Bowls", new ListSection("All", new Row("small", "Small", "300 ml"), new Row("large", "Large"))), new Body("Which?")));
await sent("Interactive: link", new Interactive(new ActionCTA("See it", "https://bakery.example/"), new Body("Our menu")));
await sent("Interactive: a place", new Interactive(new ActionLocation(), new Body("Where to?")));
await sent("Interactive: a picture above", new Interactive(new ActionButtons(new Button("a", "This one")), new Body("This?"), new Header(new Image(`${files}/image/png.png`))));

const form = new FormData();
form.set("file", new Blob([PNG], { type: "image/png" }), "acai.png");
const media = await works("uploadMedia", async () => (await wa.uploadMedia(PHONE, form)).id ?? Promise.reject(new Error("no id")));
await sent("Image: id", new Image(media, true, "by id"));
const known = await works("retrieveMedia", () => wa.retrieveMedia(media, PHONE));
await works("fetchMedia", async () => same(Buffer.from(await (await wa.fetchMedia(known.url)).arrayBuffer()).equals(PNG), true));
await works("retrieveMedia: another number's", async () => same((await wa.retrieveMedia(media, "1")).error.code, 100));
await works("deleteMedia", async () => same(await wa.deleteMedia(media, PHONE), { success: true }));

const template = { name: "acai", language: "pt_BR", category: "UTILITY", components: [{ type: "BODY", text: "Oi {{1}}, pronto.", example: { body_text: [["Ana"]] } }] };
const made = await fetch(`${BASE}/v23.0/${WABA}/message_templates`, { method: "POST", body: JSON.stringify(template), headers: { Authorization: `Bearer ${TOKEN}` } });
await works("a template without a content type", async () => same((await made.json()).status, "APPROVED"));
await sent("Template", new Template("acai", new Language("pt_BR"), new BodyComponent(new BodyParameter("Clara"))));
await works("broadcastMessage", async () => same((await Promise.all(wa.broadcastMessage(PHONE, [to], new Text("to all"), 1, 1))).length, 1));

let rows = [];
await works("the customer has the last message", () => until("the last message", async () => {
  rows = await clara.read("--mark-read");
  return rows.some((row) => row.text === "to all");
}));
const counts = (kind) => rows.filter((row) => row.kind === kind).length;
await works("texts → the customer's side", () => same(rows.filter((it) => it.kind === "text").map((it) => it.text).sort(), ["by id", "see https://bakery.example/acai", "to all", "yes"].sort()));
await works("files → the customer's side", () => same(counts("media") >= 7, true));
await works("menus → the customer's side", () => same(counts("menu"), 6));
for (const status of ["sent", "delivered", "read"]) {
  await works(`webhook: ${status}, with what was given`, async () => same((await hears(status, "status", (it) => it.id === text && it.status === status)).biz_opaque_callback_data, "o-1"));
}
const menu = rows.find((row) => row.kind === "menu" && row.content.body === "Keep some?");
await clara.run("choose", menu.id, "Yes");
await works("webhook: a button", async () => {
  const { message } = await hears("a button", "message", (it) => it.message.type === "interactive");
  same(message.interactive.button_reply, { id: "yes", title: "Yes" });
  same(message.context.id, question);
});

const bowl = { version: "7.1", screens: [{ id: "BOWL", title: "Bowl", terminal: true, layout: { type: "SingleColumnLayout", children: [
  { type: "Dropdown", name: "size", label: "Size", required: true, "data-source": [{ id: "small", title: "Small" }, { id: "large", title: "Large" }] },
  { type: "Footer", label: "Order", "on-click-action": { name: "complete", payload: { size: "${form.size}" } } },
] } }] };
const flow = { name: "bowls", categories: ["OTHER"], flow_json: JSON.stringify(bowl), publish: true };
const kept = await fetch(`${BASE}/v23.0/${WABA}/flows`, { method: "POST", body: JSON.stringify(flow), headers: { Authorization: `Bearer ${TOKEN}` } });
await works("a flow without a content type", async () => same((await kept.json()).validation_errors, []));
const order = new ActionFlow({ flow_name: "bowls", flow_cta: "Order", flow_token: "b-1", flow_action: "navigate", flow_action_payload: { screen: "BOWL" } });
const asked = await sent("Interactive: a flow", new Interactive(order, new Body("Which bowl?"), new Header("Açaí")));
await works("webhook: a form", async () => {
  const form = await clara.finds("the form", (row) => row.content?.body === "Which bowl?");
  await clara.run("fill", form.id, "--answer", "size=large");
  const { message } = await hears("a form", "message", (it) => it.message.interactive?.type === "nfm_reply");
  same([JSON.parse(message.interactive.nfm_reply.response_json), message.context.id], [{ flow_token: "b-1", size: "large" }, asked]);
});

const code = await works("createQR", async () => (await wa.createQR(PHONE, "Oi!", "svg")).code);
await works("retrieveQR", async () => same((await wa.retrieveQR(PHONE, code)).data[0].prefilled_message, "Oi!"));
await works("retrieveQR: all", async () => same((await wa.retrieveQR(PHONE)).data.length >= 1, true));
await works("updateQR", async () => same((await wa.updateQR(PHONE, code, "Bom dia")).prefilled_message, "Bom dia"));
await works("deleteQR", async () => same(await wa.deleteQR(PHONE, code), { success: true }));
await works("blockUser, unversioned", async () => same((await wa.blockUser(PHONE, to)).block_users.added_users[0].input, to));
await works("Text: blocked", async () => same((await wa.sendMessage(PHONE, to, new Text("hello?"))).error.code, 131026));
await works("unblockUser, by user id", async () => same((await wa.unblockUser(PHONE, `ZZ.${to}`)).block_users.removed_users.length, 1));
await works("Text: unknown", async () => same((await wa.sendMessage(PHONE, "5511990000001", new Text("hello?"))).error.code, 131026));
await works("initiateCall: refused", async () => same(typeof (await wa.initiateCall(PHONE, to, "v=0")).error.code, "number"));
