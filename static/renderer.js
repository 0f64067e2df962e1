// WebGL2: owns every GPU object and draws one frame from plain data. Losing the context loses only these objects.

import { CONES, STRIDE } from "./figure.js";
import { roundCone } from "./geometry.js";
import { lookAt, madd, multiply, orthographic, unit } from "./math.js";
import * as glsl from "./shaders.js";

const SHADOW_SIZE = 1024;
const FLOOR_SIZE = 512;
const MAX_PRINTS = 64;
/** Towards the light. */
const SUN = unit([-0.42, 1.0, 0.5]);

export class NoWebGl extends Error {}

function compile(gl, kind, source) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/** A linked program with its uniforms by name. */
function program(gl, vertex, fragment) {
  const handle = gl.createProgram();
  const parts = [compile(gl, gl.VERTEX_SHADER, vertex), compile(gl, gl.FRAGMENT_SHADER, fragment)];
  for (const part of parts) gl.attachShader(handle, part);
  gl.linkProgram(handle);
  if (!gl.getProgramParameter(handle, gl.LINK_STATUS) && !gl.isContextLost()) {
    const log = parts.map((part) => gl.getShaderInfoLog(part)).join("\n") + gl.getProgramInfoLog(handle);
    throw new Error(`A shader does not build: ${log}`);
  }
  const uniforms = {};
  const count = gl.getProgramParameter(handle, gl.ACTIVE_UNIFORMS) ?? 0;
  for (let i = 0; i < count; i++) {
    const { name } = gl.getActiveUniform(handle, i);
    uniforms[name] = gl.getUniformLocation(handle, name);
  }
  return { handle, uniforms };
}

function texture(gl, size, internal, format, type, filter) {
  const handle = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, handle);
  gl.texImage2D(gl.TEXTURE_2D, 0, internal, size, size, 0, format, type, null);
  for (const [name, value] of [
    [gl.TEXTURE_MIN_FILTER, filter], [gl.TEXTURE_MAG_FILTER, filter],
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
  ]) gl.texParameteri(gl.TEXTURE_2D, name, value);
  return handle;
}

function target(gl, attachment, image) {
  const handle = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, handle);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, attachment, gl.TEXTURE_2D, image, 0);
  return handle;
}

export class Renderer {
  /** Throws NoWebGl where the browser cannot draw. `redraw` is called when a lost context has come back. */
  constructor(canvas, redraw) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { antialias: true, alpha: false, powerPreference: "low-power" });
    if (!this.gl) throw new NoWebGl();
    this.lost = false;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.lost = true;
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
    };
    this.empty = gl.createVertexArray();
    this.buildCones();
    this.buildPrints();
    this.shadow = texture(
      gl, SHADOW_SIZE, gl.DEPTH_COMPONENT24, gl.DEPTH_COMPONENT, gl.UNSIGNED_INT, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_MODE, gl.COMPARE_REF_TO_TEXTURE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_COMPARE_FUNC, gl.LEQUAL);
    this.shadowTarget = target(gl, gl.DEPTH_ATTACHMENT, this.shadow);
    this.floorMaps = [0, 1].map(() => texture(gl, FLOOR_SIZE, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, gl.LINEAR));
    this.floorTargets = this.floorMaps.map((map) => target(gl, gl.COLOR_ATTACHMENT0, map));
  }

  buildCones() {
    const { gl } = this;
    const mesh = roundCone();
    this.triangles = mesh.triangles.length;
    this.cones = gl.createVertexArray();
    gl.bindVertexArray(this.cones);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, mesh.vertices, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 16, 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles, gl.STATIC_DRAW);
    this.coneBuffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.coneBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, 2 * CONES * STRIDE * 4, gl.DYNAMIC_DRAW);
    const stride = STRIDE * 4;
    for (const [location, size, offset] of [[1, 4, 0], [2, 4, 16], [3, 4, 32], [4, 4, 48], [5, 4, 64]]) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, size, gl.FLOAT, false, stride, offset);
      gl.vertexAttribDivisor(location, 1);
    }
    gl.bindVertexArray(null);
  }

  buildPrints() {
    const { gl } = this;
    this.prints = gl.createVertexArray();
    gl.bindVertexArray(this.prints);
    this.printBuffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.printBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, MAX_PRINTS * 32, gl.DYNAMIC_DRAW);
    for (const location of [0, 1]) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, 4, gl.FLOAT, false, 32, location * 16);
      gl.vertexAttribDivisor(location, 1);
    }
    gl.bindVertexArray(null);
  }

  /** Matches the drawing buffer to the canvas's size on screen. Returns whether it changed. */
  fit() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (this.canvas.width === width && this.canvas.height === height) return false;
    this.canvas.width = width;
    this.canvas.height = height;
    return true;
  }

  /**
   * Draws `scene`: {cones, count, prints, printCount, view (matrix), eye, focus (on the floor), area [x, z, half],
   * theme, fade}.
   */
  draw(scene) {
    const { gl } = this;
    if (this.lost || gl.isContextLost()) return;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.coneBuffer);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, scene.cones.subarray(0, scene.count * STRIDE));
    const light = this.lightMatrix(scene.area);
    if (scene.count > 0) this.drawShadowMap(scene, light);
    this.drawFloorMap(scene);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    this.drawBackdrop(scene);
    this.drawFloor(scene);
    this.drawPrints(scene);
    if (scene.count > 0) this.drawFigures(scene, light);
  }

  lightMatrix([x, z, half]) {
    const centre = [x, 0.8, z];
    return multiply(orthographic(half + 0.6, 0.1, 14), lookAt(madd(centre, SUN, 7), centre, [0, 1, 0]));
  }

  drawCones(count) {
    const { gl } = this;
    gl.bindVertexArray(this.cones);
    gl.drawElementsInstanced(gl.TRIANGLES, this.triangles, gl.UNSIGNED_SHORT, 0, count);
  }

  drawShadowMap(scene, light) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.depth;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.shadowTarget);
    gl.viewport(0, 0, SHADOW_SIZE, SHADOW_SIZE);
    gl.enable(gl.DEPTH_TEST);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.useProgram(handle);
    gl.uniformMatrix4fv(uniforms.light, false, light);
    this.drawCones(scene.count);
  }

  drawFloorMap(scene) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.floorMap;
    gl.disable(gl.DEPTH_TEST);
    gl.viewport(0, 0, FLOOR_SIZE, FLOOR_SIZE);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.floorTargets[0]);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (scene.count === 0) return;
    gl.useProgram(handle);
    gl.uniform3fv(uniforms.area, scene.area);
    gl.uniform3fv(uniforms.sun, SUN);
    gl.enable(gl.BLEND);
    gl.blendEquation(gl.MAX);
    for (const slanted of [0, 1]) {
      gl.uniform1f(uniforms.slanted, slanted);
      this.drawCones(scene.count);
    }
    gl.blendEquation(gl.FUNC_ADD);
    gl.disable(gl.BLEND);
    this.blurFloorMap(scene.area[2]);
  }

  blurFloorMap(half) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.blur;
    gl.useProgram(handle);
    gl.uniform1i(uniforms.image, 0);
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

  drawBackdrop({ theme }) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.backdrop;
    gl.disable(gl.DEPTH_TEST);
    gl.useProgram(handle);
    gl.uniform3fv(uniforms.high, theme.high);
    gl.uniform3fv(uniforms.low, theme.low);
    gl.bindVertexArray(this.empty);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  drawFloor({ view, eye, focus, area, theme }) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.floor;
    gl.useProgram(handle);
    gl.uniformMatrix4fv(uniforms.view, false, view);
    gl.uniform3fv(uniforms.eye, eye);
    gl.uniform3fv(uniforms.focus, focus);
    gl.uniform3fv(uniforms.area, area);
    gl.uniform2f(uniforms.screen, this.canvas.width, this.canvas.height);
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

  drawPrints({ view, prints, printCount }) {
    const { gl } = this;
    const count = Math.min(printCount, MAX_PRINTS);
    if (count === 0) return;
    const { handle, uniforms } = this.programs.print;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.printBuffer);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, prints.subarray(0, count * 8));
    gl.useProgram(handle);
    gl.uniformMatrix4fv(uniforms.view, false, view);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindVertexArray(this.prints);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
    gl.disable(gl.BLEND);
  }

  drawFigures({ view, eye, count, theme, fade }, light) {
    const { gl } = this;
    const { handle, uniforms } = this.programs.figure;
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
    gl.uniform1i(uniforms.shadowMap, 1);
    this.bind(1, this.shadow);
    this.drawCones(count);
  }
}
