'use strict';
const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { input, mask, fail, put } = require('./commands.js');

const programs = ['pullpass', 'docker-credential-pullpass'];

async function get(url, headers) {
  const answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(120000) });
  if (!answer.ok) throw new Error(`${new URL(url).origin}${new URL(url).pathname} answers ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

// identity asks GitHub for this job's token. It goes to the Pullpass server alone.
async function identity(server) {
  const url = process.env.ACTIONS_ID_TOKEN_REQUEST_URL;
  if (!url) {
    const error = new Error('the job cannot have an identity token');
    error.hint = 'give the job permissions: {id-token: write, contents: read}';
    throw error;
  }
  const at = new URL(url);
  at.searchParams.set('audience', server);
  const answer = await get(at.href, { Authorization: 'Bearer ' + process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN });
  const token = JSON.parse(answer.toString()).value;
  mask(token);
  return token;
}

function platform() {
  const system = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform];
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  if (!system || !arch) throw new Error(`there are no programs for ${process.platform} ${process.arch}`);
  return `${system}-${arch}`;
}

// install fetches a program and compares it with its checksum before it can be run.
async function install(server, program, dir, checksums) {
  const url = `${server}/downloads/${platform()}/${program}`;
  const content = await get(url);
  const sums = checksums || (await get(url + '.sha256')).toString();
  const line = sums.split('\n').map((l) => l.trim().split(/\s+/)).find((l) => l[1] === program);
  const sum = crypto.createHash('sha256').update(content).digest('hex');
  if (!line || line[0] !== sum) throw new Error(`${program} is not the program of its checksum`);
  fs.writeFileSync(path.join(dir, program), content, { mode: 0o755 });
}

function run(env, args, stdin) {
  const done = spawnSync(args[0], args.slice(1), { env, input: stdin, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] });
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${path.basename(args[0])} ${args[1]} failed: its reason is above`);
  return done.stdout.trim();
}

// privateConfig is a docker configuration of this job alone: other logins stay in it,
// and docker's plugins.
function privateConfig(dir) {
  const old = process.env.DOCKER_CONFIG || path.join(os.homedir(), '.docker');
  fs.mkdirSync(dir, { mode: 0o700 });
  if (fs.existsSync(path.join(old, 'config.json'))) {
    fs.writeFileSync(path.join(dir, 'config.json'), fs.readFileSync(path.join(old, 'config.json')), { mode: 0o600 });
  }
  for (const part of ['cli-plugins', 'contexts', 'buildx']) {
    if (fs.existsSync(path.join(old, part))) fs.symlinkSync(path.join(old, part), path.join(dir, part), 'junction');
  }
}

async function main() {
  const server = input('server').replace(/\/+$/, '');
  const organization = input('organization');
  if (!server || !organization) throw new Error('server and organization have to be given');
  const action = input('action') || 'pull';
  if (action !== 'pull' && action !== 'push') throw new Error('action is pull or push');
  const dir = fs.mkdtempSync(path.join(process.env.RUNNER_TEMP || os.tmpdir(), 'pullpass-'));
  put('GITHUB_STATE', 'dir', dir); // first: what fails later is cleaned up, too
  const bin = path.join(dir, 'bin');
  fs.mkdirSync(bin, { mode: 0o700 });
  for (const program of programs) await install(server, program, bin, input('checksums'));

  const pullpass = path.join(bin, 'pullpass');
  const project = input('project') ? ['--project', input('project')] : [];
  const token = run(process.env, [pullpass, 'token', 'exchange', server, '--organization', organization, ...project], await identity(server));
  mask(token);

  const config = path.join(dir, 'docker');
  privateConfig(config);
  const env = { ...process.env, PULLPASS_SERVER: server, PULLPASS_TOKEN: token };
  const hosts = input('hosts').split(/\s+/).filter(Boolean).map((host) => '--host=' + host);
  run(env, [pullpass, 'docker-config', '--file', path.join(config, 'config.json'), '--replace', ...hosts]);

  put('GITHUB_ENV', 'DOCKER_CONFIG', config);
  put('GITHUB_ENV', 'PULLPASS_SERVER', server);
  put('GITHUB_ENV', 'PULLPASS_TOKEN', token);
  put('GITHUB_ENV', 'PULLPASS_ACTION', action);
  fs.appendFileSync(process.env.GITHUB_PATH, bin + '\n');
}

main().catch((error) => fail(error.message, error.hint));
