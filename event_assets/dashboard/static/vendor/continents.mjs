// Continents as this project places countries (event_assets/engines/ip_continents.py), merged from world-atlas' countries-110m.
import fs from 'fs';
import {execFileSync} from 'child_process';
import {merge} from 'topojson-client';
import {topology} from 'topojson-server';
import {createRequire} from 'module';
const require = createRequire(import.meta.url);
const codes = require('i18n-iso-countries/codes.json');           // [alpha2, alpha3, numeric]
const continent = JSON.parse(fs.readFileSync('continent.json'));
const alpha2 = Object.fromEntries(codes.map(([a, , n]) => [n, a]));
const byName = {Kosovo: 'XK', 'N. Cyprus': 'CY', Somaliland: 'SO'};  // no ISO number of their own
const world = JSON.parse(fs.readFileSync('node_modules/world-atlas/countries-110m.json'));
const groups = {};
for (const g of world.objects.countries.geometries) {
  const code = alpha2[g.id] ?? byName[g.properties.name];
  const region = continent[code];
  if (!region) { console.error('no continent', g.id, g.properties.name); continue; }
  (groups[region] ??= []).push(g);
}
const features = Object.entries(groups).sort().map(([region, gs]) =>
  ({type: 'Feature', id: region, properties: {}, geometry: merge(world, gs)}));
const topo = topology({continents: {type: 'FeatureCollection', features}}, 1e4);
fs.writeFileSync('continents.json', JSON.stringify(topo) + '\n');
console.log(features.map(f => f.id + ' ' + f.geometry.coordinates.length).join(', '));
