// The explorer: one view for each kind of address behind the #, asked anew every second.

import { bytesOf, call, clock, count, hashOf, hashToBase64, readable, short, size, toBase64, toHex }
  from "/explorer/api.js";

const SECOND = 1000;
const STEPS = ["New height", "New round", "Propose", "Prevote", "Prevote wait", "Precommit",
  "Precommit wait", "Commit"];

/** An element. What comes from the chain becomes text, never markup. */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null));
  return made;
}

const link = (address, ...text) => element("a", { href: `#/${address}` }, ...text);
const code = (text, shown = text) => element("code", { title: text }, shown);
const blockLink = (height) => link(`block/${height}`, count(height));
const section = (title, ...children) =>
  element("section", {}, element("h2", {}, title), ...children);

function table(heads, rows, none = "Nothing yet.") {
  if (rows.length === 0) return element("p", { class: "none" }, none);
  const cells = (row) => row.map((cell) => element("td", {}, cell));
  return element("div", { class: "scroll" }, element("table", {},
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", {}, head)))),
    element("tbody", {}, rows.map((row) => element("tr", {}, cells(row))))));
}

function facts(pairs) {
  return element("dl", {}, pairs.map(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value)]));
}

function cards(pairs) {
  return element("div", { class: "cards" }, pairs.map(([name, value]) =>
    element("div", { class: "card" }, element("span", {}, name), element("strong", {}, value))));
}

const tag = (text) => element("span", { class: "tag" }, text);

function bar(part, whole) {
  const filled = element("span", {});
  const share = whole === 0 ? 0 : (100 * part) / whole;
  filled.style.width = `${share}%`;
  return element("span", { class: "bar", title: `${share.toFixed(1)} %` }, filled);
}

// Blocks

const blocks = {
  load: async () => {
    const [chain, pool, net] = await Promise.all([
      call("blockchain", {}).catch(() => ({ block_metas: [] })),
      call("num_unconfirmed_txs"), call("net_info"),
    ]);
    return { metas: chain.block_metas, pool, peers: net.n_peers };
  },
  show: ({ metas, pool, peers }) => {
    const times = metas.map((meta) => new Date(meta.header.time).getTime());
    const gaps = times.length - 1;
    const gap = 0 < gaps ? `${((times[0] - times[gaps]) / gaps / SECOND).toFixed(2)} s` : "—";
    const txs = metas.reduce((sum, meta) => sum + Number(meta.num_txs), 0);
    const rows = metas.map(({ header, block_id, block_size, num_txs }) => [
      blockLink(header.height), clock(header.time), count(num_txs), size(block_size),
      code(header.proposer_address, short(header.proposer_address)),
      code(block_id.hash, short(block_id.hash, 16)),
    ]);
    return [
      cards([["Height", metas[0] ? count(metas[0].header.height) : "—"], ["Between blocks", gap],
        [`In the last ${metas.length} blocks`, `${count(txs)} txs`],
        ["Waiting", `${count(pool.total)} txs`], ["Peers", count(peers)]]),
      section("Latest blocks",
        table(["Height", "Time", "Txs", "Size", "Proposer", "Hash"], rows, "No block yet.")),
    ];
  },
};

const FLAGS = { 1: "absent", 2: "for this block", 3: "for nil" };

const block = {
  load: async (height) => {
    const [found, results, commit, validators] = await Promise.all([
      call("block", { height }),
      call("block_results", { height }).catch(() => null),
      call("commit", { height }), call("validators", { height, per_page: "100" }),
    ]);
    const hashes = await Promise.all(found.block.data.txs.map(hashOf));
    return { found, results, commit, hashes, validators: validators.validators };
  },
  show: ({ found, results, commit, hashes, validators }) => {
    const { header, data, evidence } = found.block;
    const height = Number(header.height);
    const txs = data.txs.map((tx, index) => [
      String(index),
      txLink(hashes[index]),
      outcome(results?.txs_results?.[index]), element("code", { class: "long" }, readable(tx)),
    ]);
    const signatures = commit.signed_header.commit.signatures.map((signature, index) => [
      code(validators[index]?.address ?? signature.validator_address),
      count(validators[index]?.voting_power ?? 0), FLAGS[signature.block_id_flag],
      clock(signature.timestamp),
      code(signature.signature ?? "", short(signature.signature ?? "—", 16)),
    ]);
    return [
      element("h1", {}, `Block ${count(height)}`,
        element("span", { class: "turn" },
          1 < height ? link(`block/${height - 1}`, "← earlier") : null,
          link(`block/${height + 1}`, "later →"))),
      facts([["Hash", code(found.block_id.hash)], ["Time", header.time],
        ["Proposer", code(header.proposer_address)], ["Application hash", code(header.app_hash)],
        ["Validators hash", code(header.validators_hash)], ["Data hash", code(header.data_hash)],
        ["Last block", code(header.last_block_id.hash || "—")],
        ["Decided in round", String(commit.signed_header.commit.round)],
        ["Evidence", count(evidence.evidence.length)]]),
      section(`Transactions (${count(data.txs.length)})`,
        table(["#", "Hash", "Code", "Transaction"], txs, "None.")),
      section(commit.canonical ? "Commit" : "Commit, as seen here",
        table(["Validator", "Power", "Vote", "Time", "Signature"], signatures)),
    ];
  },
  still: true,
};

function txLink(hash) {
  return hash === null ? "—" : link(`tx/${hash}`, code(hash, short(hash, 12)));
}

function outcome(result) {
  if (!result) return "—";
  return element("span", { class: result.code === 0 ? "good" : "bad", title: result.log },
    String(result.code));
}

const tx = {
  load: (hash) => call("tx", { hash: hashToBase64(hash), prove: false }),
  show: (found) => {
    const result = found.tx_result;
    const events = result.events.flatMap((event) => event.attributes.map((attribute) =>
      [event.type, attribute.key, element("code", { class: "long" }, attribute.value)]));
    return [
      element("h1", {}, "Transaction"),
      facts([["Hash", code(found.hash)], ["Block", blockLink(found.height)],
        ["Place in it", String(found.index)], ["Code", outcome(result)], ["Log", result.log || "—"],
        ["Gas", `${count(result.gas_used)} used of ${count(result.gas_wanted)}`],
        ["Size", size(bytesOf(found.tx).length)],
        ["Content", element("code", { class: "long" }, readable(found.tx))]]),
      section("Events", table(["Event", "Key", "Value"], events, "None.")),
    ];
  },
  still: true,
};

// Validators and consensus

const validators = {
  load: async () => {
    const [set, state] = await Promise.all([
      call("validators", { per_page: "100" }), call("consensus_state").catch(() => null),
    ]);
    return { set, proposer: state?.round_state.proposer.address };
  },
  show: ({ set, proposer }) => {
    const total = set.validators.reduce((sum, it) => sum + Number(it.voting_power), 0);
    const rows = set.validators.map((it) => [
      [code(it.address), it.address === proposer ? tag("proposer") : ""],
      count(it.voting_power), bar(Number(it.voting_power), total), count(it.proposer_priority),
      code(it.pub_key.value, short(it.pub_key.value, 14)),
    ]);
    const shown = set.count === set.total ? "" : `, the first ${set.count} of ${set.total}`;
    return section(`Validators of height ${count(set.block_height)}${shown}`,
      table(["Address", "Power", "Share", "Priority", "Key"], rows));
  },
};

/** `Vote{0:ADDRESS 7/00/TYPE(Prevote) BLOCK …}` as a mark: for a block, for nil, or not seen. */
function mark(vote) {
  if (vote === "nil-Vote") return element("span", { class: "mark", title: "not seen" }, "·");
  const forNil = vote.split(" ")[2] === "000000000000";
  const [kind, sign] = forNil ? ["bad", "○"] : ["good", "●"];
  return element("span", { class: `mark ${kind}`, title: vote }, sign);
}

const consensus = {
  load: () => call("dump_consensus_state"),
  show: ({ round_state: state, peers }) => {
    const members = state.validators.validators;
    const rounds = state.votes.map((votes) => section(`Round ${votes.round}`,
      table(["Validator", "Power", "Prevote", "Precommit"], members.map((member, index) => [
        code(member.address), count(member.voting_power),
        mark(votes.prevotes[index] ?? "nil-Vote"), mark(votes.precommits[index] ?? "nil-Vote"),
      ])),
      element("p", { class: "none" }, `Prevotes ${votes.prevotes_bit_array}. `,
        `Precommits ${votes.precommits_bit_array}.`)));
    const places = peers.map(({ node_address, peer_state: { round_state: its } }) => [
      code(node_address), count(its.height), String(its.round), STEPS[its.step - 1] ?? "—",
    ]);
    const heldIn = (round) => (round < 0 ? "nothing" : `a block of round ${round}`);
    return [
      cards([["Height", count(state.height)], ["Round", String(state.round)],
        ["Step", STEPS[state.step - 1] ?? "—"], ["Locked", heldIn(state.locked_round)],
        ["Valid", heldIn(state.valid_round)]]),
      rounds,
      section("Where the peers are",
        table(["Peer", "Height", "Round", "Step"], places, "No peers.")),
    ];
  },
};

// Network and transactions

const network = {
  load: async () => {
    const [status, net, pool] = await Promise.all([
      call("status"), call("net_info"), call("unconfirmed_txs", { limit: "20" }),
    ]);
    return { status, net, pool };
  },
  show: ({ status, net, pool }) => {
    const { node_info: node, sync_info: sync, validator_info: validator } = status;
    const peers = net.peers.map(({ node_info, is_outbound, connection_status, remote_ip }) => [
      node_info.moniker || "—", code(node_info.id, short(node_info.id, 12)), remote_ip,
      is_outbound ? "we" : "they", size(connection_status.SendMonitor.Bytes),
      size(connection_status.RecvMonitor.Bytes),
    ]);
    const waiting = pool.txs.map((it) => [
      size(bytesOf(it).length), element("code", { class: "long" }, readable(it)),
    ]);
    return [
      facts([["This node", node.moniker], ["Id", code(node.id)], ["Chain", node.network],
        ["Version", `${node.other.lockstep_version ?? node.version}, dialect ${node.version}`],
        ["Validator", validator.address
          ? [code(validator.address), ` with power ${count(validator.voting_power)}`] : "no"],
        ["Catching up", sync.catching_up ? "yes" : "no"],
        ["Blocks", `${count(sync.earliest_block_height)} to ${count(sync.latest_block_height)}`]]),
      section(`Peers (${net.n_peers})`,
        table(["Name", "Id", "Address", "Who dialed", "Sent", "Received"], peers, "No peers.")),
      section(`Waiting transactions (${count(pool.total)}, ${size(pool.total_bytes)})`,
        table(["Size", "Transaction"], waiting, "None.")),
    ];
  },
};

function form(label, placeholder, button, answer) {
  const field = element("input",
    { placeholder, "aria-label": label, required: "", spellcheck: "false" });
  const place = element("div", { role: "status" });
  const submit = element("button", {}, button);
  const made = element("form", { class: "ask" }, field, submit);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    place.replaceChildren(element("p", { class: "none" }, "Waiting for the node…"));
    try {
      place.replaceChildren(await answer(field.value));
    } catch (error) {
      place.replaceChildren(element("p", { class: "trouble" }, error.message));
    }
    submit.disabled = false;
  });
  return section(label, made, place);
}

const send = {
  load: async () => null,
  show: () => [
    form("Send a transaction", "key=value", "Send", async (text) => {
      const sent = await call("broadcast_tx_commit", { tx: toBase64(text) });
      const result = sent.check_tx.code === 0 ? sent.tx_result : sent.check_tx;
      const decided = sent.check_tx.code === 0;
      return facts([["Code", outcome(result)], ["Log", result.log || "—"],
        ["Block", decided ? blockLink(sent.height) : "refused before any block"],
        ["Hash", decided ? link(`tx/${sent.hash}`, code(sent.hash)) : code(sent.hash)]]);
    }),
    form("Ask the application", "key", "Ask", async (text) => {
      const { response } = await call("abci_query", { data: toHex(text) });
      return facts([["Value", response.value ? code(readable(response.value)) : "—"],
        ["Code", outcome(response)], ["Log", response.log || "—"],
        ["Height", count(response.height)]]);
    }),
  ],
  still: true,
};

// Which view is shown, and when it is asked anew

const VIEWS = { "": blocks, block, tx, validators, consensus, network, send };
const view = document.getElementById("view");
const trouble = document.getElementById("trouble");
let shown = { address: null, facts: null };

function place() {
  const [name = "", argument = ""] = location.hash.replace(/^#\/?/, "").split("/");
  return { address: location.hash, view: VIEWS[name] ?? blocks, argument };
}

async function refresh() {
  const here = place();
  const isNew = here.address !== shown.address;
  if (isNew) {
    for (const it of document.querySelectorAll("nav a")) {
      it.toggleAttribute("aria-current", it.getAttribute("href") === (here.address || "#/"));
    }
  }
  if (!isNew && here.view.still) return;
  try {
    const loaded = await here.view.load(here.argument);
    if (place().address !== here.address) return;
    const text = JSON.stringify(loaded);
    trouble.hidden = true;
    // What has not changed stays, and with it what the reader has selected.
    if (!isNew && text === shown.facts) return;
    view.replaceChildren(...[here.view.show(loaded)].flat(Infinity));
    shown = { address: here.address, facts: text };
    if (isNew) scrollTo(0, 0);
  } catch (error) {
    trouble.textContent = error.message;
    trouble.hidden = false;
    if (isNew) view.replaceChildren();
  }
}

let lastHeight = null;

async function beat() {
  const pulse = document.getElementById("pulse");
  try {
    const { node_info: node, sync_info: sync } = await call("status");
    document.getElementById("chain").textContent = node.network;
    document.title = `${count(sync.latest_block_height)} · ${node.network}`;
    pulse.title = sync.catching_up ? "catching up" : "in step";
    pulse.className = sync.catching_up ? "pulse behind" : "pulse alive";
    if (sync.latest_block_height !== lastHeight) {
      pulse.animate([{ transform: "scale(1.7)" }, { transform: "scale(1)" }], 400);
    }
    lastHeight = sync.latest_block_height;
  } catch {
    pulse.className = "pulse dead";
    pulse.title = "the node does not answer";
  }
}

async function live() {
  if (!document.hidden) await Promise.all([beat(), refresh()]);
  setTimeout(live, SECOND);
}

document.getElementById("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = event.target.elements.wanted;
  const wanted = field.value.trim().replace(/^0x/i, "");
  field.value = "";
  if (/^\d{1,19}$/.test(wanted)) {
    location.hash = `#/block/${wanted}`;
  } else if (/^[0-9a-f]{64}$/i.test(wanted)) {
    const found = await call("header_by_hash", { hash: wanted }).catch(() => null);
    const height = found?.header?.height;
    location.hash = height ? `#/block/${height}` : `#/tx/${wanted.toUpperCase()}`;
  } else {
    trouble.textContent = "Neither a height nor a hash of 64 hex digits.";
    trouble.hidden = false;
  }
});
addEventListener("hashchange", refresh);
live();
