// WebGL2: owns every GPU object and draws one frame from plain data. Losing the context loses only these objects.

import { STRIDE } from "./figure.js";
import { MESHES, roundCone } from "./geometry.js";
import { instances, openContext, program, target, texture } from "./gl.js";
import { lookAt, madd, multiply, orthographic, unit } from "./math.js";
import { Quality } from "./quality.js";
import * as glsl from "./shaders.js";

export { NoWebGl } from "./gl.js";

/** Most of each that one cell of the stage can hold. */
export const MOST = { cones: 192, prints: 64, trails: 2400 };
/** Floats of a print and of a piece of a trail. */
export const PRINT = 8;
export const TRAIL = 12;
/** Towards the light. */
const SUN = unit([-0.42, 1.0, 0.5]);
/** Longest rest between two frames, milliseconds. */
const REST = 500;
/** Frames that take no longer than this need no rest. */
const EASY = 34;

export class Renderer {
  /** Throws NoWebGl where the browser cannot draw. `redraw` is called when a lost context has come back. */
  constructor(canvas, redraw) {
    this.canvas = canvas;
    const { gl, software } = openContext(canvas);
    this.gl = gl;
    this.quality = new Quality(software);
    this.lost = false;
    /** The fence behind the last frame, while the GPU is at it. */
    this.fence = null;
    /** Milliseconds that the last timed frame took. */
    this.took = 0;
    this.rested = 0;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.lost = true;
      this.fence = null;
    });
    canvas.addEventListener("webglcontextrestored", () => {
      this.build();
      this.lost = false;
      redraw();
    });
    this.build();
  }

  build() {
    const { gl } = this;
    this.programs = {
      figure: program(gl, glsl.figureVertex, glsl.figureFragment),
      depth: program(gl, glsl.depthVertex, glsl.depthFragment),
      floorMap: program(gl, glsl.floorMapVertex, glsl.floorMapFragment),
      blur: program(gl, glsl.screenVertex, glsl.blurFragment),
      backdrop: program(gl, glsl.screenVertex, glsl.backdropFragment),
      floor: program(gl, glsl.floorVertex, glsl.floorFragment),
      print: program(gl, glsl.printVertex, glsl.printFragment),
      trail: program(gl, glsl.trailVertex, glsl.trailFragment),
    };
    this.empty = gl.createVertexArray();
    this.cones = instances(gl, STRIDE, [1, 2, 3, 4, 5], MOST.cones);
    this.prints = instances(gl, PRINT, [0, 1], MOST.prints);
    this.trails = instances(gl, TRAIL, [0, 1, 2], MOST.trails);
    this.meshes = MESHES.map((size) => this.buildMesh(size));
    this.maps = null;
  }

  /** One solid's vertices beside the cones' rows. */
  buildMesh(size) {
    const { gl } = this;
    const mesh = roundCone(size);
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, mesh.vertices, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 16, 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles, gl.STATIC_DRAW);
    for (const location of [1, 2, 3, 4, 5]) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribDivisor(location, 1);
    }
    gl.bindVertexArray(null);
    return { array, triangles: mesh.triangles.length };
  }

  /** The shadow map and the two floor maps in the sizes of the step, made anew when it has changed. */
  fitMaps() {
    const { gl } = this;
    const { shadow, floor } = this.quality.now;
    if (this.maps?.shadow === shadow && this.maps.floor === floor) return;
    for (const image of this.maps?.images ?? []) gl.deleteTexture(image);
    for (const frame of this.maps?.frames ?? []) gl.deleteFramebuffer(frame);
    this.shadow = texture(gl, shadow, gl.DEPTH_COMPONENT24, gl.DEPTH_COMPONENT, gl.UNSIGNED_INT, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_MODE, gl.COMPARE_REF_TO_TEXTURE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_FUNC, gl.LEQUAL);
    this.shadowTarget = target(gl, gl.DEPTH_ATTACHMENT, this.shadow);
    this.floorMaps = [0, 1].map(() => texture(gl, floor, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, gl.LINEAR));
    this.floorTargets = this.floorMaps.map((map) => target(gl, gl.COLOR_ATTACHMENT0, map));
    this.maps = {
      shadow, floor, images: [this.shadow, ...this.floorMaps], frames: [this.shadowTarget, ...this.floorTargets],
    };
  }

  /** Matches the drawing buffer to the canvas's size on screen. */
  fit() {
    const ratio = Math.min(window.devicePixelRatio || 1, this.quality.now.ratio);
    this.ratio = ratio;
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
  }

  /**
   * Milliseconds until the next frame may be drawn: 0 = now. Never more than one frame is under way, and after a long one
   * the machine gets as much time for everything else.
   */
  wait(now) {
    const { gl } = this;
    if (this.fence) {
      if (!this.lost && gl.getSyncParameter(this.fence, gl.SYNC_STATUS) !== gl.SIGNALED) return 4;
      gl.deleteSync(this.fence);
      this.fence = null;
      this.rested = 0;
      // After a pause nobody has looked for the fence, and the time since says nothing.
      if (this.timed) {
        this.took = now - this.began;
        this.quality.note(this.took, now);
        if (this.took > EASY) this.rested = now + Math.min(this.took, REST);
      }
    }
    return Math.max(0, this.rested - now);
  }

  /**
   * Draws `scene`: {theme, timed, cells}; a cell is {rect [left, top, width, height] as shares of the canvas, cones,
   * solid, ghost (numbers of cones, the ghost's behind the solid ones), fade, prints, printCount, trails, trailCount,
   * view (matrix), eye, focus (on the floor), area [x, z, half]}. `timed` frames teach the quality.
   */
  draw(scene) {
    const { gl } = this;
    if (this.lost || gl.isContextLost()) return;
    this.began = performance.now();
    this.timed = scene.timed;
    this.fitMaps();
    gl.disable(gl.SCISSOR_TEST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (scene.cells.length > 1) {
      // Between cells, and under the controls.
      gl.viewport(0, 0, this.canvas.width, this.canvas.height);
      this.drawBackdrop(scene.theme);
    }
    for (const cell of scene.cells) this.drawCell(cell, scene.theme);
    this.fence ??= gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  }

  drawCell(cell, theme) {
    const { gl, canvas } = this;
    const count = cell.solid + cell.ghost;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.cones.buffer);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, cell.cones.subarray(0, count * STRIDE));
    const light = this.lightMatrix(cell.area);
    if (cell.solid > 0) this.drawShadowMap(cell, light);
    this.drawFloorMap(cell);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    const [left, top, width, height] = cell.rect;
    const box = [
      Math.round(left * canvas.width), Math.round((1 - top - height) * canvas.height),
      Math.round(width * canvas.width), Math.round(height * canvas.height),
    ];
    gl.viewport(...box);
    gl.scissor(...box);
    gl.enable(gl.SCISSOR_TEST);
    this.drawBackdrop(theme);
    this.drawFloor(cell, theme, box);
    this.drawPrints(cell);
    if (cell.solid > 0) this.drawFigures(cell, theme, light, 0, cell.solid, cell.fade);
    if (cell.ghost > 0) {
      // Where the two are the same, the solid one is seen.
      gl.enable(gl.POLYGON_OFFSET_FILL);
      gl.polygonOffset(2, 8);
      this.drawFigures(cell, theme, light, cell.solid, cell.ghost, 0.62);
      gl.disable(gl.POLYGON_OFFSET_FILL);
    }
    this.drawTrails(cell, box);
    gl.disable(gl.SCISSOR_TEST);
  }

  lightMatrix([x, z, half]) {
    const centre = [x, 0.8, z];
    return multiply(orthographic(half + 0.6, 0.1, 14), lookAt(madd(centre, SUN, 7), centre, [0, 1, 0]));
  }

  drawCones(mesh, first, count) {
    const { gl } = this;
    const { array, triangles } = this.meshes[mesh];
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.cones.buffer);
    for (let i = 0; i < 5; i++) {
      gl.vertexAttribPointer(i + 1, 4, gl.FLOAT, false, STRIDE * 4, first * STRIDE * 4 + i * 16);
    }
    gl.drawElementsInstanced(gl.TRIANGLES, triangles, gl.UNSIGNED_SHORT, 0, count);
  }

  drawShadowMap(cell, light) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.depth;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadowTarget);
    gl.viewport(0, 0, this.maps.shadow, this.maps.shadow);
    gl.enable(gl.DEPTH_TEST);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.useProgram(handle);
    gl.uniformMatrix4fv(uniforms.light, false, light);
    this.drawCones(Math.max(2, this.quality.now.mesh), 0, cell.solid);
  }

  drawFloorMap(cell) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.floorMap;
    gl.disable(gl.DEPTH_TEST);
    gl.viewport(0, 0, this.maps.floor, this.maps.floor);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.floorTargets[0]);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (cell.solid === 0) return;
    gl.useProgram(handle);
    gl.uniform3fv(uniforms.area, cell.area);
    gl.uniform3fv(uniforms.sun, SUN);
    gl.enable(gl.BLEND);
    gl.blendEquation(gl.MAX);
    for (const slanted of [0, 1]) {
      gl.uniform1f(uniforms.slanted, slanted);
      this.drawCones(MESHES.length - 1, 0, cell.solid);
    }
    gl.blendEquation(gl.FUNC_ADD);
    gl.disable(gl.BLEND);
    this.blurFloorMap(cell.area[2]);
  }

  blurFloorMap(half) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.blur;
    gl.useProgram(handle);
    gl.uniform1i(uniforms.image, 0);
    gl.uniform1i(uniforms.taps, this.quality.now.blur);
    // Standard deviations in metres, as shares of the map.
    const metre = 1 / (2 * half);
    gl.uniform4f(uniforms.widths, 0.014 * metre, 0.14 * metre, 0.016 * metre, 0.055 * metre);
    gl.bindVertexArray(this.empty);
    for (const [source, x, y] of [[0, 1, 0], [1, 0, 1]]) {
      gl.bindFramebuffer(gl.FRAMEBUFFER, this.floorTargets[1 - source]);
      this.bind(0, this.floorMaps[source]);
      gl.uniform2f(uniforms.step1, x, y);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
  }

  bind(unit, image) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, image);
  }

  drawBackdrop(theme) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.backdrop;
    gl.disable(gl.DEPTH_TEST);
    gl.useProgram(handle);
    gl.uniform3fv(uniforms.high, theme.high);
    gl.uniform3fv(uniforms.low, theme.low);
    gl.bindVertexArray(this.empty);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  drawFloor({ view, eye, focus, area }, theme, box) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.floor;
    gl.useProgram(handle);
    gl.uniformMatrix4fv(uniforms.view, false, view);
    gl.uniform3fv(uniforms.eye, eye);
    gl.uniform3fv(uniforms.focus, focus);
    gl.uniform3fv(uniforms.area, area);
    gl.uniform2f(uniforms.rows, box[1], box[3]);
    gl.uniform3fv(uniforms.high, theme.high);
    gl.uniform3fv(uniforms.low, theme.low);
    gl.uniform3fv(uniforms.pool, theme.pool);
    gl.uniform3fv(uniforms.line, theme.line);
    gl.uniform2fv(uniforms.strength, theme.shadow);
    gl.uniform1i(uniforms.floorMap, 0);
    this.bind(0, this.floorMaps[0]);
    gl.bindVertexArray(this.empty);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  /** Draws strips of four corners for the first `count` rows of `data`, blended over what is there. */
  drawStrips({ array, buffer }, data, count) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, data);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindVertexArray(array);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
    gl.disable(gl.BLEND);
  }

  drawPrints({ view, prints, printCount }) {
    if (printCount === 0) return;
    const { handle, uniforms } = this.programs.print;
    this.gl.useProgram(handle);
    this.gl.uniformMatrix4fv(uniforms.view, false, view);
    this.drawStrips(this.prints, prints.subarray(0, printCount * PRINT), printCount);
  }

  drawTrails({ view, trails, trailCount }, box) {
    if (trailCount === 0) return;
    const { gl } = this;
    const { handle, uniforms } = this.programs.trail;
    gl.enable(gl.DEPTH_TEST);
    gl.useProgram(handle);
    gl.uniformMatrix4fv(uniforms.view, false, view);
    gl.uniform2f(uniforms.screen, box[2] / this.ratio, box[3] / this.ratio);
    this.drawStrips(this.trails, trails.subarray(0, trailCount * TRAIL), trailCount);
  }

  drawFigures({ view, eye }, theme, light, first, count, fade) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.figure;
    const { mesh, shadow, soft } = this.quality.now;
    gl.enable(gl.DEPTH_TEST);
    gl.useProgram(handle);
    gl.uniformMatrix4fv(uniforms.view, false, view);
    gl.uniformMatrix4fv(uniforms.light, false, light);
    gl.uniform3fv(uniforms.eye, eye);
    gl.uniform3fv(uniforms.sun, SUN);
    gl.uniform3fv(uniforms.sky, theme.sky);
    gl.uniform3fv(uniforms.ground, theme.ground);
    gl.uniform3fv(uniforms.rim, theme.rim);
    gl.uniform3fv(uniforms.haze, theme.pool);
    gl.uniform1f(uniforms.fade, fade);
    gl.uniform1f(uniforms.texel, 1.6 / shadow);
    gl.uniform1i(uniforms.soft, soft);
    gl.uniform1i(uniforms.shadowMap, 1);
    this.bind(1, this.shadow);
    this.drawCones(mesh, first, count);
  }
}
