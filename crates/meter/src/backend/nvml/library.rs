//! NVIDIA's management library, loaded when it is asked for.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::path::Path;

use libloading::Library;

/// A card as the library names it: an opaque pointer.
type Device = *mut c_void;

type Plain = unsafe extern "C" fn() -> c_int;
type Count = unsafe extern "C" fn(*mut c_uint) -> c_int;
type ByIndex = unsafe extern "C" fn(c_uint, *mut Device) -> c_int;
type Energy = unsafe extern "C" fn(Device, *mut c_ulonglong) -> c_int;
type Power = unsafe extern "C" fn(Device, *mut c_uint) -> c_int;
type Name = unsafe extern "C" fn(Device, *mut c_char, c_uint) -> c_int;

/// The library, initialised; its functions, and the cards.
#[derive(Debug)]
pub(super) struct Nvml {
    energy: Energy,
    power: Power,
    name: Name,
    shutdown: Plain,
    devices: Vec<Device>,
    // Last: the functions above are in it.
    _library: Library,
}

// SAFETY: the library documents its functions as safe to call from any thread,
// and handles of devices are valid in all of them until it is shut down.
unsafe impl Send for Nvml {}

/// What a card can be asked.
pub(super) type Answer<T> = Result<T, c_int>;

fn answer<T>(code: c_int, value: T) -> Answer<T> {
    if code == 0 { Ok(value) } else { Err(code) }
}

impl Nvml {
    /// Loads and initialises the library.
    ///
    /// # Errors
    /// In words: it is not there, or it refuses.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let absent = |error: libloading::Error| {
            format!("{}: {error}; it comes with NVIDIA's driver", path.display())
        };
        // SAFETY: loading runs the library's initialisers. The path is NVIDIA's
        // library, or what the user of the meter put in its place.
        let library = unsafe { Library::new(path) }.map_err(absent)?;
        // SAFETY: names and signatures are those of `nvml.h`; the functions are
        // kept no longer than the library.
        let (init, shutdown, count, by_index, energy, power, name) = unsafe {
            (
                *library.get::<Plain>(b"nvmlInit_v2\0").map_err(absent)?,
                *library.get::<Plain>(b"nvmlShutdown\0").map_err(absent)?,
                *library
                    .get::<Count>(b"nvmlDeviceGetCount_v2\0")
                    .map_err(absent)?,
                *library
                    .get::<ByIndex>(b"nvmlDeviceGetHandleByIndex_v2\0")
                    .map_err(absent)?,
                *library
                    .get::<Energy>(b"nvmlDeviceGetTotalEnergyConsumption\0")
                    .map_err(absent)?,
                *library
                    .get::<Power>(b"nvmlDeviceGetPowerUsage\0")
                    .map_err(absent)?,
                *library
                    .get::<Name>(b"nvmlDeviceGetName\0")
                    .map_err(absent)?,
            )
        };
        // SAFETY: takes nothing; it may be called any number of times.
        let code = unsafe { init() };
        answer(code, ()).map_err(|code| {
            format!(
                "{} answers code {code} to its initialisation; is the driver loaded?",
                path.display()
            )
        })?;
        let mut nvml = Self {
            energy,
            power,
            name,
            shutdown,
            devices: Vec::new(),
            _library: library,
        };
        let mut number = 0;
        // SAFETY: the library is initialised; the pointer is to a number of ours.
        let code = unsafe { count(&raw mut number) };
        answer(code, ()).map_err(|code| format!("counting the cards gives code {code}"))?;
        for index in 0..number {
            let mut device: Device = std::ptr::null_mut();
            // SAFETY: as above; the index is below the count.
            let code = unsafe { by_index(index, &raw mut device) };
            // A card that fell off the bus is none.
            if code == 0 {
                nvml.devices.push(device);
            }
        }
        Ok(nvml)
    }

    pub(super) fn cards(&self) -> usize {
        self.devices.len()
    }

    /// Millijoules since the driver was loaded (Volta and later).
    pub(super) fn millijoules(&self, card: usize) -> Answer<u64> {
        let mut value = 0;
        // SAFETY: the handle came from this library, which is initialised; the
        // pointer is to a number of ours.
        let code = unsafe { (self.energy)(self.devices[card], &raw mut value) };
        answer(code, value)
    }

    /// Milliwatts now.
    pub(super) fn milliwatts(&self, card: usize) -> Answer<u32> {
        let mut value = 0;
        // SAFETY: as in `millijoules`.
        let code = unsafe { (self.power)(self.devices[card], &raw mut value) };
        answer(code, value)
    }

    /// Its name; empty if the library does not tell.
    pub(super) fn name(&self, card: usize) -> String {
        // The longest the header promises.
        let mut text = [0 as c_char; 96];
        // SAFETY: as in `millijoules`; the library writes at most as many bytes
        // as it is told there are.
        let code = unsafe { (self.name)(self.devices[card], text.as_mut_ptr(), 96) };
        text[95] = 0;
        if code != 0 {
            return String::new();
        }
        // SAFETY: the last byte is zero, so the text ends within the array.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) };
        text.to_string_lossy().into_owned()
    }
}

impl Drop for Nvml {
    fn drop(&mut self) {
        // SAFETY: it was initialised once by `load`; no handle is used after.
        unsafe { (self.shutdown)() };
    }
}
