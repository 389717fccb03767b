'use strict';
// What a step says to GitHub: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
const crypto = require('node:crypto');
const fs = require('node:fs');

const escaped = (text) => String(text).replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');

function input(name) {
  return (process.env['INPUT_' + name.toUpperCase()] || '').trim();
}

// mask keeps a secret out of every log of the job.
function mask(secret) {
  process.stdout.write('::add-mask::' + escaped(secret) + '\n');
}

function fail(cause, hint) {
  process.stdout.write('::error title=Pullpass::' + escaped(cause + (hint ? '\nhint: ' + hint : '')) + '\n');
  process.exitCode = 1;
}

// put writes a name and a value into one of GitHub's files, with a delimiter that no
// value can hold.
function put(file, name, value) {
  const end = 'pullpass_' + crypto.randomUUID();
  fs.appendFileSync(process.env[file], `${name}<<${end}\n${value}\n${end}\n`);
}

module.exports = { input, mask, fail, put };
