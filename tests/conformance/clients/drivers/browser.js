// Everyday use by a browser, from inside a page of the site. What it finds, by use, is reported to the site itself.
const client = new URLSearchParams(location.search).get("client");
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const digest = async (data) => hex(await crypto.subtle.digest("SHA-256", data));

async function get(path, options = {}) {
  const response = await fetch(path, { cache: "no-store", ...options });
  return [response, await response.arrayBuffer()];
}

const json = (body) => JSON.parse(new TextDecoder().decode(body));
const kind = (response) => response.headers.get("content-type").split(";")[0];

// The bytes that the other clients upload; the site gives them out.
const upload = async () => (await get("/upload.bin"))[1];

function events() {
  return new Promise((resolve) => {
    const found = [];
    const source = new EventSource(`/app/events?client=${client}`);
    source.onmessage = async (event) => {
      found.push(event.data);
      await get(`/app/events?client=${client}`, { method: "POST" });
    };
    source.onerror = () => {
      source.close();
      resolve(found);
    };
  });
}

function webSocket() {
  return new Promise((resolve, reject) => {
    const found = [];
    const socket = new WebSocket(`ws://${location.host}/app/socket`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      socket.send("hello");
      socket.send(new Uint8Array(70000).fill(7));
    };
    socket.onmessage = ({ data }) => {
      found.push(typeof data === "string" ? data : data.byteLength);
      if (found.length === 2) socket.close(1000);
    };
    socket.onerror = () => reject(new Error("the socket failed"));
    socket.onclose = ({ wasClean }) => resolve([...found, wasClean ? "closed" : "broken"]);
  });
}

// What the page itself asked for, as the browser took it.
async function page() {
  await new Promise((resolve) => (document.readyState === "complete" ? resolve() : addEventListener("load", resolve)));
  const loaded = window.everyday && document.getElementById("dot").naturalWidth === 1 && document.styleSheets.length;
  if (!loaded) throw new Error("a part of the page is missing");
  return Promise.all(
    ["/", "/style.css", "/app.js", "/image.png"].map(async (path) => {
      const [response, body] = await get(path);
      return [path, response.status, kind(response), await digest(body)];
    }),
  );
}

const USES = {
  "a page and what it needs": page,
  "one request after the other": async () => {
    const found = [];
    for (let number = 0; number < 10; number++) found.push((await get(`/app/echo?kept=${client}`))[0].status);
    return found;
  },
  "a file that has not changed": async () => {
    const [first] = await get("/style.css");
    const [second, body] = await get("/style.css", { headers: { "If-None-Match": first.headers.get("etag") } });
    return [first.status, second.status, body.byteLength];
  },
  "a part of a file": async () => {
    const [response, body] = await get("/large.bin", { headers: { Range: "bytes=1000-1999" } });
    return [response.status, response.headers.get("content-range"), await digest(body)];
  },
  "only the head": async () => {
    const [response, body] = await get("/large.bin", { method: "HEAD" });
    return [response.status, Number(response.headers.get("content-length")), body.byteLength];
  },
  "a file that travels compressed": async () => {
    const [response, body] = await get("/text.txt");
    return [response.headers.get("content-encoding"), await digest(body)];
  },
  "a form": async () => {
    const form = new URLSearchParams([["name", "Zoë & co"], ["many", "1"], ["many", "2"]]);
    return json((await get("/app/form", { method: "POST", body: form }))[1]);
  },
  "a form with a file": async () => {
    const form = new FormData();
    form.append("note", "hello");
    form.append("file", new Blob([await upload()]), "upload.bin");
    return json((await get("/app/upload", { method: "POST", body: form }))[1]);
  },
  redirects: async () => {
    const [response, body] = await get("/app/hop/3");
    return [json(body).path, response.status];
  },
  cookies: async () => {
    await get("/app/login", { method: "POST" });
    return json((await get("/app/cookies"))[1]);
  },
  errors: async () => {
    const paths = ["/missing.html", "/app/missing", `/app/broken?client=${client}`];
    return Promise.all(paths.map(async (path) => (await get(path))[0].status));
  },
  "other methods": () =>
    Promise.all(
      ["PUT", "PATCH", "DELETE", "OPTIONS"].map(async (method) => json((await get("/app/echo", { method }))[1]).method),
    ),
  "a large file": async () => {
    const [response, body] = await get("/large.bin");
    return [response.status, body.byteLength, await digest(body)];
  },
  "events as they happen": events,
  "a WebSocket": webSocket,
  "many at once": () =>
    Promise.all(Array.from({ length: 40 }, async () => (await get(`/app/echo?many=${client}`))[0].status)),
};

async function everyday() {
  const found = {};
  for (const [use, how] of Object.entries(USES)) {
    try {
      const late = new Promise((_, reject) => setTimeout(reject, 15000, new Error("it takes too long")));
      found[use] = await Promise.race([how(), late]);
    } catch (error) {
      found[use] = { error: `${error}` };
    }
  }
  await get(`/app/report?client=${client}`, { method: "POST", body: JSON.stringify(found) });
}

everyday();
