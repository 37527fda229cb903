// An app backend in TypeScript: receives questions and trade updates, sends signed answers.
//
// PORT, ANSWER_URL and ANSWER_WEBHOOK_SECRET come from the environment. Nothing to install: Node 23.6
// and newer runs it as it is (`node app_backend.ts`).

import { createHmac, randomUUID } from "node:crypto";
import { createServer } from "node:http";

type Question = {
  question_id: string;
  firebase_uid: string;
  question_text: string;
  consequence: string;
};
type TradeUpdate = { text: string };
type Push = { message: { data: string; attributes: { message_id: string } } };

const answerUrl: string = process.env.ANSWER_URL!;
const key = Buffer.from(process.env.ANSWER_WEBHOOK_SECRET!.replace(/^whsec_/, ""), "base64");
const seen = new Set<string>(); // in your database: messages arrive at least once

createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { message } = JSON.parse(Buffer.concat(parts).toString()) as Push;
  const event = JSON.parse(Buffer.from(message.data, "base64").toString());
  const isNew = !seen.has(message.attributes.message_id);
  seen.add(message.attributes.message_id);
  response.writeHead(204).end(); // stored: anything but a 2xx brings it again
  if (isNew && request.url === "/questions") {
    const question = event as Question;
    console.log(question.question_text, question.consequence);
    await answer(question, swipe(question));
  } else if (isNew) {
    console.log((event as TradeUpdate).text);
  }
}).listen(Number(process.env.PORT), "127.0.0.1");

// Shows the question and returns what its user says, from -10 to +10. Here it is always yes.
function swipe(_question: Question): number {
  return 10;
}

// Sends the answer as a Standard Webhook; until there is a reply below 500, send it again.
async function answer(question: Question, value: number): Promise<void> {
  const body = JSON.stringify({
    question_id: question.question_id,
    firebase_uid: question.firebase_uid,
    answer: value,
    answered_at: new Date().toISOString(),
  });
  const id = `msg_${randomUUID().replaceAll("-", "")}`;
  const sentAt = String(Math.floor(Date.now() / 1000));
  const signature = createHmac("sha256", key).update(`${id}.${sentAt}.${body}`).digest("base64");
  const reply = await fetch(answerUrl, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": sentAt,
      "webhook-signature": `v1,${signature}`,
    },
    body,
  });
  console.log("decided:", ((await reply.json()) as { decision: string }).decision);
}
