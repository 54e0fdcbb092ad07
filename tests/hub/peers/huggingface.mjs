// Looks at the test Hub with npm's @huggingface/hub; see CONTRIBUTING.md. Prints what it finds and
// ends with an error where that is not what the Hub holds.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  downloadFile, fileDownloadInfo, fileExists, listFiles, listModels, modelInfo, pathsInfo,
} from "@huggingface/hub";

const hubUrl = process.env.HF_ENDPOINT;
const repo = "tester/Made-Up-1.5B-GGUF";
const path = "Made-Up-1.5B-Q4_K_M.gguf";

for await (const model of listModels({ hubUrl, search: { query: "made-up" }, additionalFields: ["gguf"] })) {
  console.log("search:", model.name, model.gguf.architecture);
  assert.equal(model.name, repo);
}
const info = await modelInfo({ hubUrl, name: repo, additionalFields: ["sha"] });
console.log("info:", info.name, info.sha);

const files = new Map();
for await (const file of listFiles({ hubUrl, repo, recursive: true })) files.set(file.path, file);
console.log("files:", [...files.keys()].join(", "));
const [one] = await pathsInfo({ hubUrl, repo, paths: [path, "none"] });
assert.equal(one.lfs.oid, files.get(path).lfs.oid);
assert(await fileExists({ hubUrl, repo, path }));
assert(!(await fileExists({ hubUrl, repo, path: "none" })));
assert.equal((await fileDownloadInfo({ hubUrl, repo, path })).size, files.get(path).size);

const blob = await downloadFile({ hubUrl, repo, path, xet: false });
const whole = Buffer.from(await blob.arrayBuffer());
const sum = createHash("sha256").update(whole).digest("hex");
assert.equal(sum, files.get(path).lfs.oid);
const part = Buffer.from(await blob.slice(1_000_000, 1_000_016).arrayBuffer());
assert.deepEqual(part, whole.subarray(1_000_000, 1_000_016));
console.log("download:", whole.length, "bytes, sha256", sum, "· a range of it is the same");

const gated = { hubUrl, repo: "tester/Gated-GGUF", path: "Gated-Q4_K_M.gguf" };
await assert.rejects(downloadFile(gated), { statusCode: 401 });
await assert.rejects(downloadFile({ ...gated, accessToken: "hf_token_of_a_stranger" }), { statusCode: 403 });
assert((await downloadFile({ ...gated, accessToken: "hf_token_of_a_member" })).size > 0);
await assert.rejects(downloadFile({ ...gated, repo: "tester/None" }), { statusCode: 401 });
console.log("gated: refused to strangers, open to a member");
