// SPDX-License-Identifier: MIT
/*
 * files.js MOUNT: what Node has for files, on files under the mount and on
 * the same objects in /dev/shm. Prints a line for each thing that must hold;
 * exits 1 if one does not.
 */
'use strict';
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { pipeline } = require('stream/promises');
const zlib = require('zlib');

const [mount] = process.argv.slice(2);
const at = (name) => path.join(mount, name);
const object = (name) => path.join('/dev/shm', name);
const big = Buffer.alloc(3000001, (i) => i);
for (let i = 0; i < big.length; i += 4099)
	big[i] = i / 4099;

async function wholeFiles() {
	fs.writeFileSync(at('a'), big);
	assert(fs.readFileSync(object('a')).equals(big));
	fs.writeFileSync(object('a'), 'directly');
	assert.strictEqual(fs.readFileSync(at('a'), 'utf8'), 'directly');
	await fs.promises.appendFile(at('a'), ' and more');
	assert.strictEqual(await fs.promises.readFile(object('a'), 'utf8'),
			   'directly and more');
	await fs.promises.writeFile(at('b'), big, { mode: 0o600, flag: 'wx' });
	await assert.rejects(fs.promises.writeFile(at('b'), '', { flag: 'wx' }),
			     { code: 'EEXIST' });
	await fs.promises.copyFile(at('b'), at('c'));
	assert((await fs.promises.readFile(at('c'))).equals(big));
	await fs.promises.truncate(at('c'), 10);
	await fs.promises.rename(at('c'), at('a'));
	assert.strictEqual(fs.statSync(object('a')).size, 10);
	assert.strictEqual(fs.statSync(at('b')).mode & 0o777, 0o600);
	assert.deepStrictEqual(fs.readdirSync(mount).sort(), ['a', 'b']);
	fs.unlinkSync(at('a'));
	fs.rmSync(at('b'));
	assert.throws(() => fs.readFileSync(at('a')), { code: 'ENOENT' });
	assert.throws(() => fs.mkdirSync(at('d')), { code: 'EPERM' });
	assert.throws(() => fs.symlinkSync('x', at('l')), { code: 'EPERM' });
}

async function positions() {
	const f = await fs.promises.open(at('p'), 'w+');
	await f.write('0123456789', 5);
	await f.write(Buffer.from('AB'), 0, 2, 2);
	const { bytesRead, buffer } = await f.read(Buffer.alloc(20), 0, 20, 0);
	assert.strictEqual(bytesRead, 15);
	assert.strictEqual(buffer.toString('latin1', 0, 15),
			   '\0\0AB\x000123456789');
	await f.truncate(4);
	await f.sync();
	assert.strictEqual((await f.stat()).size, 4);
	fs.unlinkSync(object('p'));
	await f.write('x', 0);
	assert.strictEqual((await f.stat()).nlink, 0);
	await f.close();
}

async function streams() {
	fs.writeFileSync(at('in'), big);
	await pipeline(fs.createReadStream(at('in')), zlib.createGzip(),
		       fs.createWriteStream(at('gz')));
	await pipeline(fs.createReadStream(object('gz')), zlib.createGunzip(),
		       fs.createWriteStream(at('out')));
	assert(fs.readFileSync(at('out')).equals(big));
	const part = fs.createReadStream(at('in'), { start: 100, end: 70000 });
	const chunks = [];
	for await (const chunk of part)
		chunks.push(chunk);
	assert(Buffer.concat(chunks).equals(big.subarray(100, 70001)));
	await Promise.all([...Array(20).keys()].map(async (i) => {
		await fs.promises.writeFile(at(`many${i}`), `text ${i}`);
		assert.strictEqual(
			await fs.promises.readFile(object(`many${i}`), 'utf8'),
			`text ${i}`);
		await fs.promises.rm(at(`many${i}`));
	}));
	for (const name of ['in', 'gz', 'out'])
		fs.unlinkSync(at(name));
}

/* The files whose changes are told in a directory while work is done. */
async function told(directory, last, work) {
	const seen = new Set();
	let tell;
	const done = new Promise((resolve) => tell = resolve);
	const watcher = fs.watch(directory, (event, name) => {
		seen.add(name);
		if (name === path.basename(last))
			tell();
	});
	work();
	fs.writeFileSync(last, 'x');
	await done;
	watcher.close();
	fs.unlinkSync(last);
	return [...seen].sort();
}

/*
 * inotify(7) on a mount tells what is done through it, and on /dev/shm all but
 * stores. The other change comes first: if it were told, it would be by then.
 */
async function watching() {
	const names = ['direct', 'through'];
	const change = () => {
		fs.writeFileSync(object('direct'), 'longer');
		fs.writeFileSync(at('through'), 'longer');
	};
	change();
	assert.deepStrictEqual(await told(mount, at('last'), change),
			       ['last', 'through']);
	assert.deepStrictEqual(await told('/dev/shm', object('last'), change),
			       ['direct', 'last', 'through']);
	const removed = await told(mount, at('last'),
				   () => names.forEach((name) =>
					fs.unlinkSync(at(name))));
	assert.deepStrictEqual(removed, ['direct', 'last', 'through']);
}

/* What asks for the attributes now and then sees every change. */
async function polling() {
	fs.writeFileSync(object('polled'), 'x');
	const changed = new Promise((resolve) => fs.watchFile(
		at('polled'), { interval: 50 },
		(now, before) => resolve([before.size, now.size])));
	await new Promise((resolve) => setTimeout(resolve, 100));
	fs.writeFileSync(object('polled'), 'longer');
	assert.deepStrictEqual(await changed, [1, 6]);
	fs.unwatchFile(at('polled'));
	fs.unlinkSync(at('polled'));
}

async function main() {
	const parts = { wholeFiles, positions, streams, watching, polling };
	for (const [name, part] of Object.entries(parts)) {
		try {
			await part();
			console.log(`ok - ${name}`);
		} catch (error) {
			console.log(`not ok - ${name}\n${error.stack}`);
			process.exitCode = 1;
		}
	}
}

setTimeout(() => {
	console.log('not ok - takes too long');
	process.exit(1);
}, 60000).unref();
main();
