// Everyday use by Node: fetch where a person would use it, node:http for what fetch does not have. It is told where
// the site is, a file to upload and its own name, and prints what it found by use.
import { createHash } from "node:crypto";
import { readFileSync, createReadStream } from "node:fs";
import http from "node:http";

const [site, file, client] = process.argv.slice(2);
const upload = readFileSync(file);
const digest = (data) => createHash("sha256").update(data).digest("hex");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

// One request by node:http. `send` writes the body and ends it; without it there is none.
function ask(path, options = {}, send = (request) => request.end()) {
  return new Promise((resolve, reject) => {
    const request = http.request(site + path, options, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve({ response, body: Buffer.concat(parts) }));
    });
    request.on("error", reject);
    send(request);
  });
}

async function get(path, options = {}) {
  const response = await fetch(site + path, options);
  return [response, Buffer.from(await response.arrayBuffer())];
}

const kind = (response) => response.headers.get("content-type").split(";")[0];

function frame(opcode, data) {
  const mask = Buffer.from([1, 2, 3, 4]);
  const size = Buffer.alloc(data.length < 126 ? 2 : 10);
  size[0] = 0x80 | opcode;
  size[1] = 0x80 | (data.length < 126 ? data.length : 127);
  if (data.length >= 126) size.writeBigUInt64BE(BigInt(data.length), 2);
  return Buffer.concat([size, mask, data.map((byte, at) => byte ^ mask[at % 4])]);
}

// The opcode and length of the frame at the front, and what follows it.
function unframe(data) {
  if (data.length < 10 && data.length < 2 + (data[1] & 127)) return null;
  let [begin, length] = [2, data[1] & 127];
  if (length === 126) [begin, length] = [4, data.readUInt16BE(2)];
  if (length === 127) [begin, length] = [10, Number(data.readBigUInt64BE(2))];
  if (data.length < begin + length) return null;
  return [data[0] & 15, data.subarray(begin, begin + length), data.subarray(begin + length)];
}

function webSocket() {
  return new Promise((resolve, reject) => {
    const headers = {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": Buffer.from("sixteen bytes ok").toString("base64"),
    };
    const request = http.request(`${site}/app/socket`, { headers });
    request.on("error", reject);
    request.on("response", (response) => reject(new Error(`status ${response.statusCode}`)));
    request.on("upgrade", (_, socket, head) => {
      const found = [];
      let unread = head;
      const read = (part) => {
        unread = Buffer.concat([unread, part]);
        for (let next; (next = unread.length >= 2 && unframe(unread)); unread = next[2]) {
          const [opcode, data] = next;
          if (opcode === 1) found.push(data.toString());
          if (opcode === 2) found.push(data.length);
          if (opcode === 8) resolve([...found, "closed"]);
        }
      };
      socket.on("data", read);
      socket.on("error", reject);
      socket.write(frame(1, Buffer.from("hello")));
      socket.write(frame(2, Buffer.alloc(70000, 7)));
      socket.write(frame(8, Buffer.from([3, 232])));
    });
    request.end();
  });
}

async function events() {
  const response = await fetch(`${site}/app/events?client=${client}`);
  const found = [];
  let unread = "";
  for await (const part of response.body) {
    unread += Buffer.from(part).toString();
    for (let at; (at = unread.indexOf("\n\n")) >= 0; unread = unread.slice(at + 2)) {
      found.push(/data: (.*)/.exec(unread)[1]);
      await get(`/app/events?client=${client}`, { method: "POST" });
    }
  }
  return found;
}

const USES = {
  "a page and what it needs": () =>
    Promise.all(
      ["/", "/style.css", "/app.js", "/image.png"].map(async (path) => {
        const [response, body] = await get(path);
        return [path, response.status, kind(response), digest(body)];
      }),
    ),
  "one request after the other": async () => {
    const found = [];
    for (let number = 0; number < 10; number++) {
      found.push((await ask(`/app/echo?kept=${client}`, { agent })).response.statusCode);
    }
    return found;
  },
  "a file that has not changed": async () => {
    const [first] = await get("/style.css");
    const [second, body] = await get("/style.css", { headers: { "If-None-Match": first.headers.get("etag") } });
    return [first.status, second.status, body.length];
  },
  "a part of a file": async () => {
    const [response, body] = await get("/large.bin", { headers: { Range: "bytes=1000-1999" } });
    return [response.status, response.headers.get("content-range"), digest(body)];
  },
  "only the head": async () => {
    const [response, body] = await get("/large.bin", { method: "HEAD" });
    return [response.status, Number(response.headers.get("content-length")), body.length];
  },
  "a file that travels compressed": async () => {
    const [response, body] = await get("/text.txt");
    return [response.headers.get("content-encoding"), digest(body)];
  },
  "a form": async () => {
    const form = new URLSearchParams([["name", "Zoë & co"], ["many", "1"], ["many", "2"]]);
    return JSON.parse((await get("/app/form", { method: "POST", body: form }))[1]);
  },
  "a form with a file": async () => {
    const form = new FormData();
    form.append("note", "hello");
    form.append("file", new Blob([upload]), "upload.bin");
    return JSON.parse((await get("/app/upload", { method: "POST", body: form }))[1]);
  },
  "a body of unknown length": async () => {
    const send = (request) => createReadStream(file).pipe(request);
    return JSON.parse((await ask("/app/sum", { method: "POST" }, send)).body);
  },
  "a body that waits for 100": async () => {
    const headers = { "Content-Length": upload.length, Expect: "100-continue" };
    const send = (request) => {
      request.on("continue", () => request.end(upload));
      request.flushHeaders();
    };
    return JSON.parse((await ask(`/app/sum?client=${client}`, { method: "POST", headers }, send)).body);
  },
  redirects: async () => {
    const [response, body] = await get("/app/hop/3");
    return [JSON.parse(body).path, response.status];
  },
  errors: async () => {
    const paths = ["/missing.html", "/app/missing", `/app/broken?client=${client}`];
    return Promise.all(paths.map(async (path) => (await get(path))[0].status));
  },
  "other methods": () =>
    Promise.all(
      ["PUT", "PATCH", "DELETE", "OPTIONS"].map(
        async (method) => JSON.parse((await get("/app/echo", { method }))[1]).method,
      ),
    ),
  "a large file": async () => {
    const [response, body] = await get("/large.bin");
    return [response.status, body.length, digest(body)];
  },
  "events as they happen": events,
  "a WebSocket": webSocket,
  trailers: async () => {
    const { response, body } = await ask("/app/trailers", { headers: { TE: "trailers" } });
    return [body.toString(), response.trailers["x-sum"]];
  },
  "an upload that is refused": async () => {
    const headers = { "Content-Length": 4 * upload.length };
    const send = (request) => {
      // What is under way when the answer comes has nowhere to go.
      request.on("socket", (socket) => socket.on("error", () => {}));
      for (let piece = 0; piece < 4; piece++) request.write(upload);
      request.end();
    };
    return (await ask("/app/refuse", { method: "POST", headers }, send)).response.statusCode;
  },
  "many at once": () =>
    Promise.all(Array.from({ length: 40 }, async () => (await get(`/app/echo?many=${client}`))[0].status)),
};

const found = {};
for (const [use, how] of Object.entries(USES)) {
  try {
    const late = new Promise((_, reject) => setTimeout(reject, 10000, new Error("it takes too long")).unref());
    found[use] = await Promise.race([how(), late]);
  } catch (error) {
    found[use] = { error: `${error}`, cause: `${error.cause ?? ""}` };
  }
}
process.stdout.write(JSON.stringify(found), () => process.exit());
