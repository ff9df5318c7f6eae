// @kapso/whatsapp-cloud-api on the node, by its own option for the base URL; its errors and its reader of webhooks.
import { GraphApiError, WhatsAppClient } from "@kapso/whatsapp-cloud-api";
import { normalizeWebhook, verifySignature } from "@kapso/whatsapp-cloud-api/server";
import { APP_SECRET, BASE, Customer, PHONE, PNG, TOKEN, Table, VERIFY, WABA, same, serve, subscribe, until } from "./world.mjs";

const table = new Table("@kapso/whatsapp-cloud-api");
const works = table.works.bind(table);
const refuses = (call, code, act) => table.refuses(call, GraphApiError, act, code);
const eva = new Customer("eva");
const wa = new WhatsAppClient({ accessToken: TOKEN, baseUrl: BASE, graphVersion: "v23.0" });
const heard = [];
const hook = await serve((request, body) => {
  const query = new URL(request.url, "http://hook").searchParams;
  if (request.method === "GET") return query.get("hub.verify_token") === VERIFY ? { body: query.get("hub.challenge") } : { status: 403 };
  if (!verifySignature({ appSecret: APP_SECRET, rawBody: body, signatureHeader: request.headers["x-hub-signature-256"] })) return { status: 403 };
  heard.push(normalizeWebhook(JSON.parse(body)));
  return {};
});
await works("webhook: handshake", () => subscribe(`${hook}/hook`));
await eva.send("have you rolls? ñ");
const first = await works("webhook: verified and normalized", () => until("Eva's words", () => heard.find((it) => it.messages[0]?.text?.body === "have you rolls? ñ")));
const { from: to, id } = first.messages[0];
const at = { phoneNumberId: PHONE, to };
await works("the contact", () => same([first.contacts[0].profile.name, first.contacts[0].userId], ["eva", `ZZ.${to}`]));
await works("markRead", async () => same((await wa.messages.markRead({ phoneNumberId: PHONE, messageId: id, typingIndicator: { type: "text" } })).success, true));
const m = wa.messages;
const sent = (call, act) => works(call, async () => (await act()).messages[0].id);
const text = await sent("sendText", () => m.sendText({ ...at, body: "we have", bizOpaqueCallbackData: "k-1", contextMessageId: id }));
await sent("sendText: to a user id", () => m.sendText({ phoneNumberId: PHONE, recipient: `ZZ.${to}`, body: "by id" }));
const upload = await works("media.upload", () => wa.media.upload({ phoneNumberId: PHONE, type: "image/png", file: new Blob([PNG], { type: "image/png" }), fileName: "rolls.png" }));
await works("media.get", async () => same((await wa.media.get({ mediaId: upload.id, phoneNumberId: PHONE })).mimeType, "image/png"));
await works("media.download", async () => same(Buffer.from(await wa.media.download({ mediaId: upload.id, phoneNumberId: PHONE, auth: "always" })).equals(PNG), true));
// Left to itself it sends no token to a host that is not the vendor's, and the node gives no file without one.
await sent("sendImage", () => m.sendImage({ ...at, image: { id: upload.id, caption: "a roll" } }));
await sent("sendLocation", () => m.sendLocation({ ...at, location: { latitude: -23.55, longitude: -46.63, name: "The bakery" } }));
await sent("sendContacts", () => m.sendContacts({ ...at, contacts: [{ name: { formattedName: "Ana Lima", firstName: "Ana" }, phones: [{ phone: "+551130000000" }] }] }));
await sent("sendReaction", () => m.sendReaction({ ...at, reaction: { messageId: id, emoji: "👍" } }));
await sent("sendInteractiveButtons", () => m.sendInteractiveButtons({ ...at, bodyText: "Keep some?", footerText: "till noon", header: { type: "text", text: "Rolls" }, buttons: [{ id: "yes", title: "Yes" }] }));
await sent("sendInteractiveButtons: a picture above", () => m.sendInteractiveButtons({ ...at, bodyText: "This one?", header: { type: "image", image: { id: upload.id } }, buttons: [{ id: "yes", title: "Yes" }] }));
await sent("sendInteractiveList", () => m.sendInteractiveList({ ...at, bodyText: "Which?", buttonText: "Rolls", sections: [{ title: "All", rows: [{ id: "a", title: "Plain" }] }] }));
await sent("sendInteractiveCtaUrl", () => m.sendInteractiveCtaUrl({ ...at, bodyText: "Our menu", parameters: { displayText: "See it", url: "https://bakery.example/" } }));
await sent("sendInteractiveLocationRequest", () => m.sendInteractiveLocationRequest({ ...at, bodyText: "Where to?", parameters: { requestMessage: "Where to?" } }));
const components = [{ type: "BODY", text: "Hi {{1}}, ready.", example: { body_text: [["Ana"]] } }];
const made = await works("templates.create", () => wa.templates.create({ businessAccountId: WABA, name: "rolls", language: "en_US", category: "UTILITY", components }));
await works("templates.list", async () => same((await wa.templates.list({ businessAccountId: WABA, name: "rolls", limit: 1 })).data[0].name, "rolls"));
await works("templates.get", async () => same((await wa.templates.get({ businessAccountId: WABA, templateId: made.id })).name, "rolls"));
const filled = { name: "rolls", language: { code: "en_US" }, components: [{ type: "body", parameters: [{ type: "text", text: "Eva" }] }] };
await sent("sendTemplate", () => m.sendTemplate({ ...at, template: filled }));
await works("phoneNumbers.businessProfile", async () => {
  same((await wa.phoneNumbers.businessProfile.update({ phoneNumberId: PHONE, about: "Rolls", websites: ["https://bakery.example/"] })).success, true);
  same((await wa.phoneNumbers.businessProfile.get({ phoneNumberId: PHONE })).data[0].about, "Rolls");
});
await works("phoneNumbers.settings.get", () => wa.phoneNumbers.settings.get({ phoneNumberId: PHONE }));
await works("the customer has the last message", () => eva.finds("the template", (row) => row.content?.body === "Hi Eva, ready.", "--mark-read"));
for (const status of ["sent", "delivered", "read"]) {
  await works(`webhook: ${status}`, async () => same((await until(status, () => heard.flatMap((it) => it.statuses).find((it) => it.id === text && it.status === status))).bizOpaqueCallbackData, "k-1"));
}
await works("templates.delete", async () => same((await wa.templates.delete({ businessAccountId: WABA, name: "rolls" })).success, true));
await works("media.delete", async () => same((await wa.media.delete({ mediaId: upload.id })).success, true));
await refuses("sendTemplate: deleted", 132001, () => m.sendTemplate({ ...at, template: filled }));
await refuses("sendText: unknown", 131026, () => m.sendText({ phoneNumberId: PHONE, to: "5511990000001", body: "hello?" }));
await refuses("media.get: deleted", 100, () => wa.media.get({ mediaId: upload.id }));
const screen = (text) => ({ version: "7.1", screens: [{ id: "ROLLS", title: "Rolls", terminal: true, layout: { type: "SingleColumnLayout", children: [
  { type: "TextInput", name: "count", label: text, inputType: "number", required: true },
  { type: "Footer", label: "Send", onClickAction: { name: "complete", payload: { count: "${form.count}" } } },
] } }] });
const flow = await works("flows.create", () => wa.flows.create({ wabaId: WABA, name: "rolls", flowJson: screen("How many?") }));
await works("flows.create: nothing is wrong with it", async () => same((flow.validationErrors ?? []).length, 0));
const wrong = { ...screen("How many?"), screens: [] };
await works("flows.updateAsset: errors", async () => same((await wa.flows.updateAsset({ flowId: flow.id, json: wrong })).validationErrors[0].error, "MIN_ITEMS_REQUIRED"));
await works("flows.updateAsset", async () => same((await wa.flows.updateAsset({ flowId: flow.id, json: screen("How many rolls?") })).success, true));
await works("flows.publish", async () => same((await wa.flows.publish({ flowId: flow.id })).success, true));
await works("flows.list", async () => same((await wa.flows.list({ wabaId: WABA, limit: 1 })).data.length, 1));
await works("flows.get", async () => same((await wa.flows.get({ flowId: flow.id, fields: "status" })).status, "PUBLISHED"));
await works("flows.preview: there is no page", async () => same((await wa.flows.preview({ flowId: flow.id })).preview.previewUrl, ""));
const asked = await sent("sendInteractiveFlow", () => m.sendInteractiveFlow({ ...at, bodyText: "How many shall it be?", parameters: { flowId: flow.id, flowCta: "Say", flowToken: "rolls-1", flowMessageVersion: "3" } }));
await works("sendInteractiveFlow → filled in → webhook", async () => {
  const form = await eva.finds("the form", (row) => row.content?.body === "How many shall it be?");
  await eva.run("fill", form.id, "--answer", "count=12");
  const told = await until("the form", () => heard.flatMap((it) => it.messages).find((it) => it.interactive?.type === "nfm_reply"));
  same([told.kapso?.flowToken, told.kapso?.flowResponse?.count, told.context?.id], ["rolls-1", "12", asked]);
});
await works("flows.deprecate", async () => same((await wa.flows.deprecate({ flowId: flow.id })).success, true));
const other = new WhatsAppClient({ accessToken: "nonsense", baseUrl: BASE, graphVersion: "v23.0" });
await table.refuses("a wrong token: an error of authorization", GraphApiError, async () => {
  try {
    return await other.messages.sendText({ ...at, body: "hello?" });
  } catch (error) {
    if (!error.isAuthError()) throw new Error("it is none");
    throw error;
  }
}, 190);
