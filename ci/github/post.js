'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { fail } = require('./commands.js');

// The job is over, whatever became of it: its configuration and programs go. Its token
// ends by itself, with the identity token that it was exchanged for.
const dir = process.env.STATE_dir;
if (dir && path.basename(dir).startsWith('pullpass-')) {
  try {
    fs.rmSync(dir, { recursive: true, force: true });
  } catch (error) {
    fail(`${dir} cannot be removed: ${error.message}`);
  }
}
