// An echo on Node's HTTP server: `node node.mjs PATH` serves on a Unix socket.
import { createServer } from "node:http";

const pairs = (raw) => {
    const found = [];
    for (let at = 0; at < raw.length; at += 2) found.push([raw[at].toLowerCase(), raw[at + 1]]);
    return found;
};

createServer((request, response) => {
    const pieces = [];
    request.on("error", () => {});
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
        const said = JSON.stringify({
            method: request.method,
            target: request.url,
            fields: pairs(request.rawHeaders),
            body: Buffer.concat(pieces).toString("base64"),
            trailers: pairs(request.rawTrailers),
        });
        response.setHeader("Content-Length", Buffer.byteLength(said));
        if (request.method === "HEAD") response.setHeader("X-Saw", Buffer.from(said).toString("base64"));
        response.end(request.method === "HEAD" ? undefined : said);
    });
}).listen(process.argv[2]);
