// Drives every call of CosmJS's client for CometBFT 0.38 against a running node, over HTTP and by
// websocket. The node must run the kvstore and decide what it is sent.
//
//   node drive.mjs http://127.0.0.1:26657 ws://127.0.0.1:26657

import assert from "node:assert/strict";
import { Comet38Client, connectComet, HttpClient, WebsocketClient } from "@cosmjs/tendermint-rpc";

// Whatever hangs fails.
setTimeout(() => {
  console.error("not done in time");
  process.exit(1);
}, 120_000);

const text = new TextEncoder();
const PATIENCE_MS = 30_000;

/** The first event of a stream; `begin` makes it happen. */
function first(stream, begin) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no event came in time")), PATIENCE_MS);
    const subscription = stream.subscribe({
      next: (event) => {
        clearTimeout(late);
        subscription.unsubscribe();
        resolve(event);
      },
      error: reject,
    });
    // The request is on its way before what it is to hear of: requests are answered in order.
    begin().catch(reject);
  });
}

async function transactions(client, name) {
  const tx = text.encode(`${name}=commit`);
  const committed = await client.broadcastTxCommit({ tx });
  assert.equal(committed.checkTx.code, 0);
  assert.equal(committed.txResult.code, 0);
  const sync = await client.broadcastTxSync({ tx: text.encode(`${name}-sync=1`) });
  assert.equal(sync.code, 0);
  const later = await client.broadcastTxAsync({ tx: text.encode(`${name}-async=1`) });
  assert.equal(later.hash.length, 32);
  const found = await client.tx({ hash: committed.hash, prove: true });
  assert.equal(found.height, committed.height);
  assert.deepEqual(found.tx, tx);
  assert.ok(found.proof);
  return committed;
}

async function searches(client, committed) {
  const query = `tx.height = ${committed.height}`;
  // The index is behind the tip by a moment.
  const until = Date.now() + PATIENCE_MS;
  let page = await client.txSearch({ query, page: 1, per_page: 10 });
  while (page.totalCount === 0 && Date.now() < until) {
    page = await client.txSearch({ query, page: 1, per_page: 10 });
  }
  assert.ok(page.txs.some((it) => it.height === committed.height));
  const all = await client.txSearchAll({ query, order_by: "desc" });
  assert.equal(all.txs.length, page.totalCount);
  const blocks = await client.blockSearch({ query: `block.height = ${committed.height}` });
  assert.equal(blocks.blocks[0].block.header.height, committed.height);
  const everything = await client.blockSearchAll({ query: "block.height >= 1" });
  assert.equal(everything.blocks.length, everything.totalCount);
}

async function blocks(client, height) {
  const block = await client.block(height);
  assert.equal(block.block.header.height, height);
  assert.ok((await client.block()).block.header.height >= height);
  const results = await client.blockResults(height);
  assert.equal(results.results.length, block.block.txs.length);
  const commit = await client.commit(height);
  assert.deepEqual(commit.commit.blockId.hash, block.blockId.hash);
  const chain = await client.blockchain(1, height);
  assert.ok(chain.lastHeight >= height);
  assert.ok(chain.blockMetas.length > 0);
  const page = await client.validators({ height, page: 1, per_page: 2 });
  const validators = await client.validatorsAll(height);
  assert.equal(validators.validators.length, page.total);
}

async function node(client, name) {
  await client.health();
  const status = await client.status();
  assert.ok(status.nodeInfo.version.startsWith("0.38."));
  assert.ok((await client.genesis()).validators.length > 0);
  const info = await client.abciInfo();
  assert.ok(info.lastBlockHeight > 0);
  const answer = await client.abciQuery({ path: "/store", data: text.encode(name) });
  assert.deepEqual(answer.value, text.encode("commit"));
  assert.ok((await client.numUnconfirmedTxs()).total >= 0);
}

async function events(client, name) {
  const send = (key) => () => client.broadcastTxSync({ tx: text.encode(`${name}-${key}=1`) });
  const block = await first(client.subscribeNewBlock(), send("block"));
  assert.ok(block.header.height > 0);
  const header = await first(client.subscribeNewBlockHeader(), send("header"));
  assert.ok(header.height > block.header.height);
  const tx = await first(client.subscribeTx(), send("tx"));
  assert.equal(tx.result.code, 0);
  const some = await first(client.subscribeTx("app.creator EXISTS"), send("some"));
  assert.ok(some.height > tx.height);
}

const [http, socket] = process.argv.slice(2);
// Each is made when it is needed: a websocket client that is not asked anything at once never hears
// the answer to its first request (CosmJS 0.39).
const kinds = [
  ["http", () => new HttpClient(http)],
  ["websocket", () => new WebsocketClient(socket)],
];
for (const [kind, connect] of kinds) {
  const client = await Comet38Client.create(connect());
  // A name of its own for each run: a node takes no transaction twice.
  const name = `${kind}-${Date.now()}`;
  const committed = await transactions(client, name);
  await blocks(client, committed.height);
  await node(client, name);
  await searches(client, committed);
  if (kind === "websocket") {
    await events(client, name);
  }
  client.disconnect();
  console.log(`${kind}: every call was answered`);
}
// What CosmJS takes us for.
const guessed = await connectComet(http);
assert.ok(guessed instanceof Comet38Client);
guessed.disconnect();
// Connections that are kept alive would keep us alive, too.
process.exit(0);
