// Lays out what is published: the package, and one for each platform with nothing but its module, which
// npm installs as an optional dependency where it fits.
//
// node scripts/build-npm.mjs FOLDER        modules that are not built yet are left out of their packages

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('..', import.meta.url))
const target = resolve(process.argv[2] ?? join(source, '../target/npm'))
const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
const write = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)

// It writes nowhere but below the package.
const made = join(source, 'npm')
rmSync(target, { recursive: true, force: true })
execFileSync(join(source, 'node_modules/.bin/napi'), ['create-npm-dirs'], { cwd: source, stdio: 'ignore' })
cpSync(made, target, { recursive: true })
rmSync(made, { recursive: true })

const manifest = read(join(source, 'package.json'))
const optionalDependencies = {}
for (const platform of readdirSync(target)) {
  const folder = join(target, platform)
  const { name, main } = read(join(folder, 'package.json'))
  optionalDependencies[name] = manifest.version
  const module = join(source, main)
  const isBuilt = existsSync(module)
  if (isBuilt) cpSync(module, join(folder, main))
  console.log(`${name}: ${isBuilt ? main : 'not built'}`)
}

const folder = join(target, manifest.name)
mkdirSync(folder)
for (const file of [...manifest.files, 'README.md', 'LICENSE-APACHE', 'LICENSE-MIT']) {
  cpSync(join(source, file), join(folder, file), { recursive: true })
}
const { devDependencies, scripts, napi: _, ...published } = manifest
write(join(folder, 'package.json'), { ...published, optionalDependencies })
